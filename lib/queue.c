/* SPDX-License-Identifier: MIT */
#include "queue.h"

void queue_add(struct queue *q, struct attempt *a)
{
	a->next = NULL;
	if (!q->first)
		q->end = &q->first;
	*q->end = a;
	q->end = &a->next;
	q->count++;
}

void queue_add_front(struct queue *q, struct attempt *a)
{
	a->next = q->first;
	if (!q->first)
		q->end = &a->next;
	q->first = a;
	q->count++;
}

struct attempt *queue_take(struct queue *q)
{
	struct attempt *a = q->first;
	if (!a)
		return NULL;
	q->first = a->next;
	q->count--;
	a->next = NULL;
	return a;
}

void queue_move(struct queue *from, struct queue *to)
{
	for (struct attempt *a; (a = queue_take(from));)
		queue_add(to, a);
}

void queue_move_front(struct queue *from, struct queue *to)
{
	struct queue behind = {.count = 0};
	queue_move(to, &behind);
	queue_move(from, to);
	queue_move(&behind, to);
}
