/* SPDX-License-Identifier: Apache-2.0 */
/* Help at every level, made from the lists. */
#ifndef SR_CLI_HELP_H
#define SR_CLI_HELP_H

#include <stdio.h>

#include "cli/args.h"

/* For what the words in args name: everything, a noun, or a command. */
void help_print(FILE *to, const struct args *args);
/* One line: how the command is called. */
void help_usage(FILE *to, const struct command *command);

#endif
