/* SPDX-License-Identifier: Apache-2.0 */
/* The structs of all messages, made from messages.def.  An optional field
 * counts only when its bit in `present` is set; SR_SET and SR_HAS do that. */
#ifndef STRONGROOM_MESSAGES_H
#define STRONGROOM_MESSAGES_H

#include <strongroom/types.h>

#define SR_TYPE_U64    uint64_t
#define SR_TYPE_BOOL   bool
#define SR_TYPE_STR    struct sr_str
#define SR_TYPE_BYTES  struct sr_bytes
#define SR_TYPE_SECRET struct sr_secret
#define SR_TYPE_STRS   struct sr_strs

/* position of each field, which is also its bit in `present` */
#define MSG(m)                      enum { SR_AT_##m##_first_ = -1,
#define F(m, field, kind, flags, max) SR_AT_##m##_##field,
#define M(m, field, elem, flags)    SR_AT_##m##_##field,
#define L(m, field, elem, max)      SR_AT_##m##_##field,
#define END(m)                      SR_COUNT_##m };
#include <strongroom/messages.def>
#undef MSG
#undef F
#undef M
#undef L
#undef END

#define MSG(m)                      struct sr_##m { uint64_t present;
#define F(m, field, kind, flags, max) SR_TYPE_##kind field;
#define M(m, field, elem, flags)    struct sr_##elem field;
#define L(m, field, elem, max)      struct { struct sr_##elem *v; size_t n; } field;
#define END(m)                      };
#include <strongroom/messages.def>
#undef MSG
#undef F
#undef M
#undef L
#undef END

/* SR_HAS(key_sign_req, q, salt): was optional field salt of *q given? */
#define SR_HAS(m, msg, field) (((msg)->present >> SR_AT_##m##_##field & 1) != 0)
/* SR_SET(key_sign_req, q, salt, 32): give it. */
#define SR_SET(m, msg, field, value) \
	((void)((msg)->field = (value), (msg)->present |= UINT64_C(1) << SR_AT_##m##_##field))

#endif
