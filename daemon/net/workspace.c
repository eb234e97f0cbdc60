/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/workspace.h"

#include "daemon/backend/locked.h"

SR_RESULT workspace_init(struct workspace *workspace, bool reads)
{
	workspace->arena = (struct arena){ locked_alloc(WORKSPACE_ARENA), WORKSPACE_ARENA, 0 };
	workspace->input = reads ? locked_alloc(WORKSPACE_INPUT) : NULL;
	if (workspace->arena.base != NULL && (workspace->input != NULL || !reads))
		return SR_OK;
	workspace_finish(workspace);
	return SR_NOMEM;
}

void workspace_finish(struct workspace *workspace)
{
	locked_free(workspace->arena.base);
	locked_free(workspace->input);
	*workspace = (struct workspace){ 0 };
}
