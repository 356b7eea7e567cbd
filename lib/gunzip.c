/* SPDX-License-Identifier: MIT */
#include "gunzip.h"

#include <limits.h>
#include <zlib.h>

enum { STEP = 64 * 1024, GZIP_ONLY = 16 + MAX_WBITS };

static enum gunzip_result unpack(z_stream *z, size_t limit, struct buf *out)
{
	size_t start = out->len;
	for (;;) {
		unsigned char *room = (unsigned char *)buf_reserve(out, STEP);
		if (!room)
			return GUNZIP_NO_MEMORY;
		z->next_out = room;
		z->avail_out = STEP;
		int result = inflate(z, Z_NO_FLUSH);
		out->len += STEP - z->avail_out;
		out->data[out->len] = '\0';
		if (out->len - start > limit)
			return GUNZIP_TOO_LARGE;
		if (result == Z_STREAM_END)
			return z->avail_in ? GUNZIP_BAD : GUNZIP_DONE;
		if (result != Z_OK)
			return result == Z_MEM_ERROR ? GUNZIP_NO_MEMORY
						     : GUNZIP_BAD; /* Z_BUF_ERROR: it ends too early */
	}
}

enum gunzip_result gunzip(struct slice packed, size_t limit, struct buf *out)
{
	z_stream z = {.next_in = (z_const Bytef *)packed.ptr, .avail_in = (uInt)packed.len};
	if (packed.len > UINT_MAX)
		return GUNZIP_TOO_LARGE;
	if (inflateInit2(&z, GZIP_ONLY) != Z_OK)
		return GUNZIP_NO_MEMORY;
	enum gunzip_result result = unpack(&z, limit, out);
	inflateEnd(&z);
	return result;
}
