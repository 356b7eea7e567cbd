/* SPDX-License-Identifier: MIT */
#include "endpoint.h"

#include "address.h"
#include "template.h"

/* Judged with a value in place of each expression. */
void endpoint_check(struct conf_object *o, const char *key, const char *text, bool plain_http)
{
	static const struct template_values sample = {SLICE("x"), SLICE("x"), SLICE("x"), SLICE("x")};
	struct diag why;
	struct address address;
	struct buf expanded = BUF_INIT;
	if (template_check(slice_of(text), &why) < 0 || template_expand(&expanded, slice_of(text), &sample, &why) < 0 ||
	    address_parse(buf_slice(&expanded), &address, &why) < 0)
		conf_fail(o, key, "%s", why.text);
	else if (!address.tls && !plain_http && !address_is_loopback(&address))
		conf_fail(o, key, "plain http to %.*s can be read on its way: use https, or \"plain_http\": true",
			  (int)address.host.len, address.host.ptr);
	buf_free(&expanded);
}

void endpoint_check_fixed(struct conf_object *o, const char *key, const char *text, bool plain_http)
{
	if (strchr(text, '{'))
		conf_fail(o, key, "this address is the same for every event: no {...} in it");
	else
		endpoint_check(o, key, text, plain_http);
}
