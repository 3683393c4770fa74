#include "probe.h"

#include "number.h"
#include "text.h"

#include <string.h>

enum { DEFAULT_TIMEOUT_MS = 3000 };

void probe_init(struct probe *probe)
{
	memset(probe, 0, sizeof(*probe));
	probe->timeout_ms = DEFAULT_TIMEOUT_MS;
	probe->status_low = 200;
	probe->status_high = 399;
}

/* Resolves "${NAME}+7200" or "$NAME+7200", the way the fleet's startup config
 * writes ports. */
static bool port_read(const char *word, const struct environment *env,
		      uint16_t *out)
{
	long base = 0, port;

	if (*word == '$') {
		const char *plus = strchr(word, '+');
		const char *value;
		char name[128];
		size_t n;
		bool braces = word[1] == '{';

		if (!plus)
			return false;
		word += braces ? 2 : 1;
		n = (size_t)(plus - word);
		if (braces && (n == 0 || word[--n] != '}'))
			return false;
		if (n >= sizeof(name))
			return false;
		memcpy(name, word, n);
		name[n] = '\0';
		value = environment_name_ok(name) ? environment_get(env, name)
						  : NULL;
		if (value && !number_read(value, 0, 65535, &base))
			return false;
		word = plus + 1;
	}
	if (!number_read(word, 1, 65535, &port) || base + port > 65535)
		return false;
	*out = (uint16_t)(base + port);
	return true;
}

/* Reads [HOST] [":"] PORT out of the n bytes of an address. */
static const char *address_read(struct probe *probe, const char *p, size_t n,
				const struct environment *env)
{
	char copy[256], *host = copy, *port, *colon;

	if (n >= sizeof(copy))
		return "an address that is too long";
	memcpy(copy, p, n);
	copy[n] = '\0';
	colon = strrchr(copy, ':');
	port = colon ? colon + 1 : copy;
	if (colon)
		*colon = '\0';
	else
		host = copy + n;
	if (*host == '[') {
		size_t host_n = strlen(host);

		if (host[host_n - 1] != ']')
			return "a '[' without a ']'";
		host[host_n - 1] = '\0';
		host++;
	}
	if (!port_read(port, env, &probe->port))
		return "no port between 1 and 65535";
	if (strcmp(host, "localhost") == 0)
		host += strlen(host);
	if (strlen(host) >= sizeof(probe->host))
		return "a host that is too long";
	text_copy(probe->host, sizeof(probe->host), host);
	return NULL;
}

const char *probe_set_target(struct probe *probe, const char *target,
			     const struct environment *env)
{
	static const struct {
		const char *scheme;
		enum probe_kind kind;
	} kinds[] = {
		{"tcp:", PROBE_TCP},   {"unix:", PROBE_UNIX},
		{"http:", PROBE_HTTP}, {"grpc:", PROBE_GRPC},
		{"zmq:", PROBE_ZMQ},
	};
	const char *rest = NULL, *slash, *wrong;

	if (strlen(target) >= sizeof(probe->target))
		return "a target that is too long";
	text_copy(probe->target, sizeof(probe->target), target);
	probe->kind = PROBE_NONE;
	if (strcmp(target, "alive") == 0) {
		probe->kind = PROBE_ALIVE;
		return NULL;
	}
	if (strncmp(target, "https:", 6) == 0)
		return "TLS is not spoken here; probe a plain port, or tcp:";
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		size_t n = strlen(kinds[i].scheme);

		if (strncmp(target, kinds[i].scheme, n) == 0) {
			probe->kind = kinds[i].kind;
			rest = target + n;
		}
	}
	if (!rest)
		return "not alive, tcp:, unix:, http:, grpc: or zmq:";
	if (strncmp(rest, "//", 2) == 0)
		rest += 2;
	if (probe->kind == PROBE_UNIX) {
		/* sun_path has room for 107 bytes and a NUL. */
		if (*rest == '\0' || strlen(rest) > 107)
			return "a socket path that is empty or too long";
		text_copy(probe->path, sizeof(probe->path), rest);
		return NULL;
	}
	slash = strchr(rest, '/');
	if (!slash)
		slash = rest + strlen(rest);
	wrong = address_read(probe, rest, (size_t)(slash - rest), env);
	if (wrong)
		return wrong;
	if (probe->kind == PROBE_GRPC && *slash)
		slash++;
	if (strlen(slash) >= sizeof(probe->path) || strpbrk(slash, " \t\r\n"))
		return "a path that is too long or has spaces";
	text_copy(probe->path, sizeof(probe->path), slash);
	if (probe->kind == PROBE_HTTP && !probe->path[0])
		text_copy(probe->path, sizeof(probe->path), "/");
	return NULL;
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *found = c ? strchr(digits, c) : NULL;

	return found ? (int)((found - digits) & 15) : -1;
}

static bool payload_read(const char *value, uint8_t *out, uint16_t *out_n)
{
	static const char from[] = "rnt0\\", to[] = "\r\n\t\0\\";
	uint16_t n = 0;

	for (; *value; value++) {
		uint8_t byte = (uint8_t)*value;

		if (n == PROBE_BYTES)
			return false;
		if (byte == '\\') {
			const char *simple;

			value++;
			if (*value == '\0')
				return false;
			simple = strchr(from, *value);
			if (simple) {
				byte = (uint8_t)to[simple - from];
			} else {
				int high, low;

				if (*value != 'x')
					return false;
				high = hex_digit(value[1]);
				low = high < 0 ? -1 : hex_digit(value[2]);
				if (low < 0)
					return false;
				byte = (uint8_t)(high << 4 | low);
				value += 2;
			}
		}
		out[n++] = byte;
	}
	*out_n = n;
	return true;
}

bool probe_set_send(struct probe *probe, const char *value)
{
	probe->has_send = payload_read(value, probe->send, &probe->send_n);
	return probe->has_send;
}

bool probe_set_expect(struct probe *probe, const char *value)
{
	return payload_read(value, probe->expect, &probe->expect_n);
}

bool probe_set_status(struct probe *probe, const char *value)
{
	const char *dash = strchr(value, '-');
	char first[8];
	long low, high;
	size_t n = dash ? (size_t)(dash - value) : strlen(value);

	if (n >= sizeof(first))
		return false;
	memcpy(first, value, n);
	first[n] = '\0';
	if (!number_read(first, 100, 599, &low) ||
	    !number_read(dash ? dash + 1 : first, low, 599, &high))
		return false;
	probe->status_low = (uint16_t)low;
	probe->status_high = (uint16_t)high;
	return true;
}

bool probe_is_local(const struct probe *probe)
{
	return probe->kind == PROBE_ALIVE || probe->kind == PROBE_UNIX ||
	       probe->host[0] == '\0' || strcmp(probe->host, "::1") == 0 ||
	       strncmp(probe->host, "127.", 4) == 0;
}
