/* SPDX-License-Identifier: MIT */
/* body: what a map made, as the body that its destination takes:
 * JSON, a form, text, or CloudEvents 1.0 (structured or binary). */
#ifndef EVT_BODY_H
#define EVT_BODY_H

#include "map.h"

/* Memory that is reused from event to event. */
struct body_room {
	struct jtext json;
	struct buf made, text;
};
void body_room_free(struct body_room *room);

/* Sets data, body, content_type and mode of *e, whose data is the JSON that the map made, so that the bytes that
 * evt-deliver sends are those wanted. The slices point into `room`. -1 with DIAG_DATA when the data cannot be such a
 * body: an object in a form. */
int body_set(struct body_room *room, const struct map *map, struct event *e, struct diag *d);

#endif
