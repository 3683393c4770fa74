/* What the files of assemble share. */
#pragma once

#include "work/assemble.h"

/* -- families.c -- */

/* Finds the families of the images, once their parts are known. An image whose
 * family the lock does not have gets an error. */
void assemble_families(struct assembly *assembly);

/* -- planned.c -- */

void assemble_plan(struct assembly *assembly);
