/* What the parts of the compose reader share. */
#pragma once

#include "work/init/draft.h"

struct compose {
	struct draft *draft;
	struct str path, folder;
	const struct yaml_node *root;
	struct draft_pairs variables; /* of the .env file beside it */
	/* of the service that is read */
	struct draft_service *service;
	struct str workdir, image; /* working_dir; image of the service */
};

struct draft_place compose_place(const struct compose *compose,
				 const struct yaml_node *node);

/* A scalar with its variables replaced; empty for what is none. Asks where a
 * variable has no value. */
struct str compose_text(struct compose *compose, const struct yaml_node *node);
/* A scalar, or the scalars of a list. */
void compose_texts(struct compose *compose, const struct yaml_node *node,
		   struct draft_texts *texts);
/* A map, or a list of NAME=VALUE. */
void compose_pairs(struct compose *compose, const struct yaml_node *node,
		   struct draft_pairs *pairs);
void compose_ask(struct compose *compose, const struct yaml_node *node,
		 const char *format, ...) __attribute__((format(printf, 3, 4)));

/* -- compose_keys.c: keys of a service that need more than a line -- */
void compose_ports(struct compose *compose, const struct yaml_node *node);
void compose_volumes(struct compose *compose, const struct yaml_node *node);
void compose_devices(struct compose *compose, const struct yaml_node *node);
void compose_health(struct compose *compose, const struct yaml_node *node);
void compose_deploy(struct compose *compose, const struct yaml_node *node);
void compose_secrets(struct compose *compose, const struct yaml_node *node);
void compose_needs_gpu(struct compose *compose, const struct yaml_node *node);
/* One of `resources`: "memory", "512m". */
void compose_resource(struct compose *compose, const char *name,
		      const struct yaml_node *node);
