/* SPDX-License-Identifier: MIT */
/* A request's headers as proxies and others write them: who sent it is an address, and only a trusted proxy is believed. */
#include "http.h"
#include "must.h"
#include "peer.h"
#include <arpa/inet.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static bool is_address(const char *text)
{
	unsigned char bytes[16];
	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	/* 10.0.0.0/8 and socket files. */
	static const struct peer_proxies proxies = {
	    .nets = {{.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10}, .bits = 104}},
	    .count = 1,
	    .unix_sockets = true};
	static const char *const peers[] = {"unix", "10.1.2.3", "192.0.2.1", "2001:db8::1", ""};
	struct http_head head;
	struct http_refusal refusal;
	struct slice text = {(const char *)bytes, len};
	char sender[PEER_SIZE];
	size_t end = http_head_end(text, 0);
	if (!end || http_head_read(&head, (struct slice){text.ptr, end}, &refusal) < 0)
		return 0;
	for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++) {
		head.request.peer = peers[i];
		must(peer_sender(&proxies, &head.request, sender) == sender);
		must(strcmp(sender, peers[i]) == 0 || (i < 2 && is_address(sender)));
	}
	return 0;
}
