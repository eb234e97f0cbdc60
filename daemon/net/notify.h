/* SPDX-License-Identifier: Apache-2.0 */
/* Tells systemd how it goes, as sd_notify(3) says, without its library. */
#ifndef SR_DAEMON_NOTIFY_H
#define SR_DAEMON_NOTIFY_H

/* Sends lines such as "READY=1\nSTATUS=serving"; does nothing unless
 * NOTIFY_SOCKET is set. */
void notify_send(const char *lines);

#endif
