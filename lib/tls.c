/* SPDX-License-Identifier: MIT */
#include "tls.h"

#include <stdlib.h>

void tls_load(struct tls *t, struct conf_object *dest)
{
	static const char *const versions[] = {"1.2", "1.3", NULL};
	struct conf_object o;
	conf_child(dest, "tls", CONF_OPTIONAL, &o);
	t->ca_file = conf_file(&o, "ca_file", CONF_FILE_OPEN);
	t->cert_file = conf_file(&o, "cert_file", CONF_FILE_OPEN);
	t->key_file = conf_file(&o, "key_file", CONF_FILE_SECRET);
	t->only_13 = conf_choice(&o, "minimum", versions, 0) == 1;
	if (!t->cert_file != !t->key_file)
		conf_fail(&o, NULL, "\"cert_file\" and \"key_file\" belong together");
	conf_end(&o);
}

void tls_free(struct tls *t)
{
	free(t->ca_file);
	free(t->cert_file);
	free(t->key_file);
	*t = (struct tls){.ca_file = NULL};
}
