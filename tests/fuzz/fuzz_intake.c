/* SPDX-License-Identifier: MIT */
/* A whole request, signatures included, against sources of every kind: rows that the journal can take, or a refusal that says why. */
#include "folder.h"
#include "http.h"
#include "intake.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct sources all;

static const struct {
	const char *name, *members;
} sources[] = {
    {"a",
     "\"verify\":{\"scheme\":\"none\"},\"id\":\"/id\",\"type\":\"/type\",\"subject\":[\"/s\",\"header:X\"],\"time\":\"/t\""},
    {"b", "\"verify\":{\"scheme\":\"none\"},\"split\":\"/e\",\"id\":\"/id\",\"type\":\"/type\""},
    {"c", "\"verify\":{\"scheme\":\"none\"},\"format\":\"cloudevents\""},
    {"d", "\"verify\":{\"scheme\":\"none\"},\"form\":\"object\",\"type\":\"const:t\",\"handshake\":\"slack\""},
    {"e",
     "\"verify\":{\"scheme\":\"none\"},\"form\":\"field:p\",\"id\":\"/id\",\"type\":\"const:t\",\"handshake\":\"graph\""},
    {"f", "\"verify\":{\"scheme\":\"standard-webhooks\",\"secret_file\":\"k\"},\"type\":\"const:t\""},
    {"g", "\"verify\":{\"scheme\":\"stripe\",\"secret_file\":\"s\"},\"type\":\"const:t\""},
    {"h",
     "\"verify\":{\"scheme\":\"twilio\",\"secret_file\":\"s\"},\"public_url\":\"https://a/\",\"type\":\"const:t\""},
    {"i", "\"verify\":{\"scheme\":\"mailgun\",\"secret_file\":\"s\"},\"type\":\"const:t\""},
    {"j", "\"verify\":{\"scheme\":\"basic\",\"user\":\"u\",\"secret_file\":\"s\"},\"type\":\"const:t\""},
    {"k",
     "\"verify\":{\"scheme\":\"hubspot-v3\",\"secret_file\":\"s\"},\"public_url\":\"https://a/\",\"type\":\"const:t\""},
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	folder_make();
	for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
		char name[64];
		snprintf(name, sizeof name, "sources/%s.json", sources[i].name);
		folder_put(name, "{%s,\"body_limit\":4096,\"destinations\":{\"x\":[\"*\"]}}", sources[i].members);
	}
	folder_read(&all);
	return 0;
}

static void check(struct intake *in)
{
	static struct buf answer = BUF_INIT;
	const char *type;
	buf_clear(&answer);
	if (in->status) {
		must(in->status >= 400 && in->cause && in->why.text[0]);
	} else {
		for (size_t i = 0; i < in->count; i++) {
			const struct event *e = in->rows[i].event;
			must(event_is_name(e->id) && event_is_name(e->source) && event_is_name(e->type));
			must(!e->subject.ptr || event_is_name(e->subject));
			must(e->destination.len == 0 && e->claim == 0 && e->attempt == 0);
			must(event_line_size(e, 1) <= EVENT_LINE_LIMIT);
			must(in->rows[i].error.ptr || in->rows[i].destination_count == 1);
		}
	}
	int status = intake_answer(in, &answer, &type);
	must(status >= 200 && status < 600 && buf_ok(&answer));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct intake in = INTAKE_INIT;
	struct http_head head;
	struct http_refusal refusal;
	struct slice text = {(const char *)bytes, len};
	size_t end = http_head_end(text, 0);
	if (!end || http_head_read(&head, (struct slice){text.ptr, end}, &refusal) < 0)
		return 0;
	head.request.body = (struct slice){text.ptr + end, len - end};
	intake_clear(&in);
	const struct source *s = intake_open(&in, &all, &head.request);
	must(s ? in.status == 0 : in.status != 0);
	if (s)
		intake_body(&in, s, &head.request, INT64_C(1614265330000));
	check(&in);
	return 0;
}
