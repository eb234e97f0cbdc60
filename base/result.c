/* SPDX-License-Identifier: Apache-2.0 */
#include "base/result.h"

#include <errno.h>

enum sr_err sr_err_from_errno(int err)
{
	switch (err) {
	case ENOENT:
		return SR_NOT_FOUND;
	case EACCES:
	case EPERM:
		return SR_DENIED;
	case ENOMEM:
		return SR_NOMEM;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return SR_NO_ROOM;
	case EMFILE:
	case ENFILE:
		return SR_LIMIT;
	default:
		return SR_IO;
	}
}
