/* SPDX-License-Identifier: Apache-2.0 */
/* A key's bundle and items, as tables and as Azure's JSON. */
#ifndef SR_CLI_BUNDLE_H
#define SR_CLI_BUNDLE_H

#include "cli/cli.h"
#include "cli/output.h"

/* Prints a bundle (Azure's KeyBundle) in the form that was asked for and returns
 * the exit status. */
int bundle_print(const struct cli *cli, const struct sr_key_bundle *bundle);
/* The public key as a JWK; NULL if it is no key of ours. */
json_t *bundle_jwk(const struct sr_key_bundle *bundle);

/* Azure's KeyItem. */
json_t *item_json(const struct sr_key_item *item);
/* One row; versions: the first column is the version, else the name. */
#define ITEM_HEADINGS_KEYS     "NAME|TYPE|STATE|EXPIRES|UPDATED"
#define ITEM_HEADINGS_VERSIONS "VERSION|TYPE|STATE|EXPIRES|CREATED"
void item_row(struct table *table, const struct sr_key_item *item, bool versions);

#endif
