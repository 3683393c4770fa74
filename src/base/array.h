/* array: a typed growing array: ARRAY(struct str) names = ARRAY_EMPTY; */
#pragma once

#include <stddef.h>
#include <stdlib.h>

#include "base/mem.h"

#define ARRAY(type)                                                            \
	struct {                                                               \
		type *p;                                                       \
		size_t n, capacity;                                            \
	}
#define ARRAY_EMPTY                                                            \
	{                                                                      \
		NULL, 0, 0                                                     \
	}

/* Appends a value. */
#define array_push(array, ...)                                                 \
	do {                                                                   \
		if ((array)->n == (array)->capacity) {                         \
			(array)->capacity = mem_grow_capacity(                 \
				(array)->capacity, (array)->n + 1);            \
			(array)->p =                                           \
				mem_realloc((array)->p, (array)->capacity,     \
					    sizeof *(array)->p);               \
		}                                                              \
		(array)->p[(array)->n++] = (__VA_ARGS__);                      \
	} while (0)

/* Frees the elements' memory (not what they point to). */
#define array_release(array)                                                   \
	do {                                                                   \
		free((array)->p);                                              \
		(array)->p = NULL;                                             \
		(array)->n = (array)->capacity = 0;                            \
	} while (0)

/* for each element, as a pointer: array_each(struct str, name, &names) */
#define array_each(type, name, array)                                          \
	for (type *name = (array)->p;                                          \
	     (array)->n && name < (array)->p + (array)->n; name++)

#define array_sort(array, compare)                                             \
	do {                                                                   \
		if ((array)->n)                                                \
			qsort((array)->p, (array)->n, sizeof *(array)->p,      \
			      compare);                                        \
	} while (0)
