/* SPDX-License-Identifier: MIT */
/* queue: attempts in a row. An attempt stands in one queue at a time. */
#ifndef EVT_QUEUE_H
#define EVT_QUEUE_H

#include "attempt.h"

struct queue {
	struct attempt *first, **end; /* end is meaningless while the queue is empty */
	size_t count;
};

void queue_add(struct queue *q, struct attempt *a);
void queue_add_front(struct queue *q, struct attempt *a);
struct attempt *queue_take(struct queue *q); /* the first, or NULL */

void queue_move(struct queue *from, struct queue *to);       /* all of `from`, in its order, behind those in `to` */
void queue_move_front(struct queue *from, struct queue *to); /* before them */

#endif
