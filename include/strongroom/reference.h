/* SPDX-License-Identifier: Apache-2.0 */
/* The object identifiers that mark a PKCS#8 structure as a reference to a key
 * that strongroomd holds (docs/REFERENCE.md): one per OpenSSL key type.  String
 * literals, so that a provider's algorithm names can be put together from them at
 * compile time.  The last arcs are those of keys.def. */
#ifndef STRONGROOM_REFERENCE_H
#define STRONGROOM_REFERENCE_H

#define SR_REFERENCE_OID_ROOT    "2.25.166217979655665762028703525770683865418"
#define SR_REFERENCE_OID_RSA     SR_REFERENCE_OID_ROOT ".1"
#define SR_REFERENCE_OID_EC      SR_REFERENCE_OID_ROOT ".2"
#define SR_REFERENCE_OID_ED25519 SR_REFERENCE_OID_ROOT ".3"
#define SR_REFERENCE_OID_ED448   SR_REFERENCE_OID_ROOT ".4"

/* What stands behind -----BEGIN of the two PEM forms. */
#define SR_REFERENCE_LABEL     "PRIVATE KEY"
#define SR_REFERENCE_LABEL_OWN "STRONGROOM KEY REFERENCE"

/* Longest encoding that is read, in bytes. */
#define SR_REFERENCE_MAX 16384

#endif
