/* SPDX-License-Identifier: MIT */
#include "outcome.h"

#include <stdio.h>

/* A transfer that ended without an answer. What is not named here is a connection that broke. */
static const struct {
	CURLcode curl;
	const char *code;
} transfer_codes[] = {
    {CURLE_COULDNT_RESOLVE_HOST, "dns"},
    {CURLE_COULDNT_RESOLVE_PROXY, "proxy"},
    {CURLE_COULDNT_CONNECT, "connect"},
    {CURLE_PROXY, "proxy"},
    {CURLE_SSL_CONNECT_ERROR, "tls"},
    {CURLE_PEER_FAILED_VERIFICATION, "tls"},
    {CURLE_SSL_CERTPROBLEM, "tls"},
    {CURLE_SSL_CIPHER, "tls"},
    {CURLE_SSL_CACERT_BADFILE, "tls"},
    {CURLE_SSL_ISSUER_ERROR, "tls"},
    {CURLE_SSL_INVALIDCERTSTATUS, "tls"},
    {CURLE_SSL_PINNEDPUBKEYNOTMATCH, "tls"},
    {CURLE_USE_SSL_FAILED, "tls"},
    {CURLE_WEIRD_SERVER_REPLY, "protocol"},
    {CURLE_UNSUPPORTED_PROTOCOL, "protocol"},
    {CURLE_OUT_OF_MEMORY, "local"},
    {CURLE_FAILED_INIT, "local"},
    {CURLE_AGAIN, "local"},
};

static const char *transfer_code(const struct outcome_facts *facts)
{
	if (facts->no_token)
		return "token";
	if (facts->private_address)
		return "private";
	if (!facts->sent && facts->proxy_status >= 300)
		return "proxy";
	if (facts->curl == CURLE_OPERATION_TIMEDOUT)
		return facts->sent ? "timeout-response" : "timeout-connect";
	for (size_t i = 0; i < sizeof transfer_codes / sizeof transfer_codes[0]; i++)
		if (transfer_codes[i].curl == facts->curl)
			return transfer_codes[i].code;
	return "reset";
}

static struct outcome decide_unanswered(const struct outcome_facts *facts, const struct dest *dest)
{
	struct outcome o = {.verdict = JOURNAL_AGAIN, .ambiguous = facts->sent};
	if (facts->curl == CURLE_URL_MALFORMAT)
		return outcome_unfit();
	snprintf(o.code, sizeof o.code, "%s", transfer_code(facts));
	o.fault = strcmp(o.code, "local") != 0;
	if (o.ambiguous && dest->ambiguous_fails)
		o.verdict = JOURNAL_NEVER;
	return o;
}

static bool is_transient(int status, const struct dest *dest)
{
	switch (status) {
	case 401: /* a key that was revoked will be mended: the events must not be lost meanwhile */
	case 403:
	case 407:
	case 408:
	case 425:
	case 429:
		return true;
	case 410:
		return dest->gone_retries || statuses_hold(&dest->retry_on, status);
	default:
		return status >= 500 || statuses_hold(&dest->retry_on, status);
	}
}

static bool is_fault(int status)
{
	return status >= 500 || status == 401 || status == 403 || status == 407 || status == 429;
}

struct outcome outcome_decide(const struct outcome_facts *facts, const struct dest *dest)
{
	/* The head is the answer: a body that was cut, by us or by them, does not take it back, unless that is to be judged. */
	int status = facts->http_status;
	if (status < 200)
		return decide_unanswered(facts, dest);
	if (statuses_hold(&dest->success, status))
		return (struct outcome){.verdict = JOURNAL_OK};
	struct outcome o = {.verdict = is_transient(status, dest) ? JOURNAL_AGAIN : JOURNAL_NEVER,
			    .fault = is_fault(status)};
	snprintf(o.code, sizeof o.code, "http-%d", status);
	return o;
}

struct outcome outcome_refused(bool again)
{
	return (struct outcome){.verdict = again ? JOURNAL_AGAIN : JOURNAL_NEVER, .fault = again, .code = "refused"};
}

struct outcome outcome_cut(const struct outcome_facts *facts, const struct dest *dest)
{
	bool again = facts->curl != CURLE_WRITE_ERROR && !dest->ambiguous_fails;
	return (struct outcome){
	    .verdict = again ? JOURNAL_AGAIN : JOURNAL_NEVER, .fault = again, .ambiguous = true, .code = "cut"};
}

struct outcome outcome_unfit(void)
{
	return (struct outcome){.verdict = JOURNAL_NEVER, .code = "address"};
}
