/* SPDX-License-Identifier: MIT */
/* bare_curl: libcurl's multi interface with nothing around it, for benches to be held against.
 *
 *   bare_curl URL COUNT CONNECTIONS BYTES     posts COUNT bodies of BYTES; prints the seconds it took
 *
 * No journal, no lines, one header: as fast as a sender over libcurl can be. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

static const char *url;
static char *body;
static long left;

static size_t drop(char *bytes, size_t size, size_t count, void *unused)
{
	(void)bytes, (void)unused;
	return size * count;
}

static void begin(CURLM *multi, CURL *easy)
{
	if (left-- > 0)
		curl_multi_add_handle(multi, easy);
}

static CURL *make(struct curl_slist *headers, long bytes)
{
	CURL *easy = curl_easy_init();
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, bytes);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
	return easy;
}

/* The handles of requests that have ended begin the next. How many did not get a 2xx? */
static long take_answers(CURLM *multi)
{
	long bad = 0, status;
	int queued;
	for (CURLMsg *m; (m = curl_multi_info_read(multi, &queued));) {
		CURL *easy = m->easy_handle;
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		bad += m->data.result != CURLE_OK || status / 100 != 2;
		curl_multi_remove_handle(multi, easy);
		begin(multi, easy);
	}
	return bad;
}

int main(int argc, char **argv)
{
	if (argc != 5) {
		fputs("usage: bare_curl URL COUNT CONNECTIONS BYTES\n", stderr);
		return 64;
	}
	url = argv[1];
	left = atol(argv[2]);
	long connections = atol(argv[3]), bytes = atol(argv[4]), bad = 0;
	int running = 0;
	body = calloc(1, (size_t)bytes + 1);
	CURL **handles = calloc((size_t)connections, sizeof(CURL *));
	if (!body || !handles) {
		free(handles);
		return 70;
	}
	memset(body, 'x', (size_t)bytes);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	CURLM *multi = curl_multi_init();
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections);
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	int64_t began = clock_monotonic();
	for (long i = 0; i < connections; i++)
		begin(multi, handles[i] = make(headers, bytes));
	do {
		curl_multi_perform(multi, &running);
		bad += take_answers(multi);
		if (running)
			curl_multi_poll(multi, NULL, 0, 1000, NULL);
	} while (running || left > 0);
	printf("%.3f\n", (double)(clock_monotonic() - began) / 1000);
	for (long i = 0; i < connections; i++)
		curl_easy_cleanup(handles[i]);
	curl_multi_cleanup(multi);
	curl_slist_free_all(headers);
	free(handles);
	free(body);
	if (bad)
		fprintf(stderr, "bare_curl: %ld without a 2xx\n", bad);
	return bad ? 1 : 0;
}
