/* SPDX-License-Identifier: MIT */
#include "uuid.h"

#include <unistd.h>

#include "digest.h"

int uuid_v7(int64_t now, char text[UUID_TEXT_SIZE])
{
	unsigned char bytes[16];
	char hex[33];
	if (getentropy(bytes + 6, 10) < 0)
		return -1;
	for (int i = 0; i < 6; i++)
		bytes[i] = (unsigned char)(now >> (40 - 8 * i) & 0xff);
	bytes[6] = (unsigned char)(0x70 | (bytes[6] & 0x0f)); /* version 7 */
	bytes[8] = (unsigned char)(0x80 | (bytes[8] & 0x3f)); /* the variant of RFC 9562 */
	digest_hex(bytes, sizeof bytes, hex);
	for (int i = 0; i < 32; i++) {
		if (i == 8 || i == 12 || i == 16 || i == 20)
			*text++ = '-';
		*text++ = hex[i];
	}
	*text = '\0';
	return 0;
}
