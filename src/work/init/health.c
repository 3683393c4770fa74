/* The health command of a container as `health`. */
#include "work/init/draft.h"

#include "codec/json.h"
#include "facts/interpolate.h"

/* ["curl", "-f", URL] as a line. */
static struct str as_line(struct draft *draft, struct str command)
{
	auto_json json_t *list = NULL;
	auto_buf struct buf line = BUF_EMPTY;

	if (str_starts(command, STR("[")))
		list = json_parse(command, 1 << 16, NULL);
	if (!json_is_array(list))
		return command;
	for (size_t i = 0; i < json_array_size(list); i++) {
		buf_append_text(&line, i ? " " : "");
		buf_append(&line, json_str(json_array_get(list, i)));
	}
	return arena_str(draft->arena, buf_str(&line));
}

/* The digits that text begins with, as a port. */
static bool take_port(struct str *text, uint64_t *port)
{
	size_t n = 0;

	while (n < text->n && text->p[n] >= '0' && text->p[n] <= '9')
		n++;
	if (!str_to_u64(str_slice(*text, 0, n), port) || *port < 1 ||
	    *port > 65535)
		return false;
	*text = str_slice(*text, n, text->n);
	return true;
}

static bool is_own_host(struct str host)
{
	return host.n == 0 || str_eq(host, STR("localhost")) ||
	       str_eq(host, STR("127.0.0.1")) || str_eq(host, STR("0.0.0.0")) ||
	       str_eq(host, STR("[::1]"));
}

/* http://localhost:8080/health somewhere in the command. */
static bool find_http(struct draft *draft, struct str command,
		      struct str *value)
{
	ptrdiff_t at = str_find_str(command, STR("http://"));
	struct str url = str_slice(command, (size_t)at + 7, command.n), host;
	uint64_t port = 80;
	size_t n = 0;

	if (at < 0)
		return false;
	while (n < url.n && !strchr(" \t'\"|;&)<>", url.p[n]))
		n++;
	url = str_slice(url, 0, n);
	for (n = 0; n < url.n && url.p[n] != '/';)
		n++;
	host = str_slice(url, 0, n);
	struct str path = str_slice(url, n, url.n);
	ptrdiff_t colon = str_rfind(host, ':');

	if (colon >= 0 && !str_ends(host, STR("]"))) {
		struct str rest = str_slice(host, (size_t)colon + 1, host.n);

		if (!take_port(&rest, &port) || rest.n)
			return false;
		host = str_slice(host, 0, (size_t)colon);
	}
	*value = arena_printf(draft->arena, "http://:%u" STR_FMT,
			      (unsigned)port, STR_ARG(path));
	return is_own_host(host);
}

/* "grpc_health_probe -addr=:50051". */
static bool find_grpc(struct draft *draft, struct str command,
		      struct str *value)
{
	ptrdiff_t at = str_find_str(command, STR("grpc_health_probe"));
	uint64_t port;

	if (at < 0)
		return false;
	struct str rest = str_slice(command, (size_t)at, command.n);

	at = str_find_str(rest, STR("addr"));
	rest = str_slice(rest, at < 0 ? rest.n : (size_t)at, rest.n);
	ptrdiff_t colon = str_find(rest, ':');

	rest = str_slice(rest, (size_t)(colon + 1), rest.n);
	if (colon < 0 || !take_port(&rest, &port))
		return false;
	*value = arena_printf(draft->arena, "{grpc: %u}", (unsigned)port);
	return true;
}

/* "nc -z localhost 5557", "/dev/tcp/localhost/5557". */
static bool find_tcp(struct draft *draft, struct str command, struct str *value)
{
	ptrdiff_t at = str_find_str(command, STR("/dev/tcp/"));
	struct str rest = command, word = STR_EMPTY, host = STR_EMPTY;
	uint64_t port = 0;

	if (at >= 0) {
		rest = str_slice(command, (size_t)at + 9, command.n);
		str_split(&rest, '/', &host);
	} else if (str_starts(command, STR("nc ")) ||
		   str_starts(command, STR("netcat "))) {
		do
			if (!str_split(&rest, ' ', &word))
				return false;
		while (!is_own_host(word) || word.n == 0);
		host = word;
	} else {
		return false;
	}
	if (!is_own_host(host) || !take_port(&rest, &port))
		return false;
	*value = arena_printf(draft->arena, "{tcp: %u}", (unsigned)port);
	return true;
}

/* The timings that are not slipway's own, in the map of what is asked. */
static void append_timings(struct buf *out, struct str value,
			   const struct draft_pairs *timings)
{
	static const char *const usual[][2] = {{"interval", "30s"},
					       {"timeout", "10s"},
					       {"start_period", "30s"},
					       {"retries", "3"}};
	bool is_map = str_starts(value, STR("{"));
	size_t n = 0;

	array_each (const struct draft_pair, pair, timings) {
		bool is_usual = pair->value.n == 0;

		for (size_t i = 0; i < 4; i++)
			is_usual |= str_eq(pair->name, str_from(usual[i][0])) &&
				    str_eq(pair->value, str_from(usual[i][1]));
		if (is_usual)
			continue;
		if (n++ == 0) {
			buf_append_text(out, is_map ? "" : "{http: ");
			if (is_map)
				buf_append(out,
					   str_slice(value, 0, value.n - 1));
			else
				yaml_append_scalar(out, value);
		}
		buf_printf(out, ", " STR_FMT ": ", STR_ARG(pair->name));
		draft_append_measure(out, pair->value);
	}
	if (n)
		buf_append_byte(out, '}');
	else if (is_map)
		buf_append(out, value);
	else
		yaml_append_scalar(out, value);
}

void command_to_health(struct draft *draft, struct draft_service *service,
		       struct str command, const struct draft_pairs *timings,
		       struct draft_place at)
{
	auto_interpolation struct interpolation interpolation = {
		.lookup = draft_lookup,
		.context = &service->env,
	};
	auto_buf struct buf line = BUF_EMPTY, out = BUF_EMPTY;
	struct str value, shown = as_line(draft, command);

	if (!interpolate(&interpolation, shown, &line)) {
		buf_clear(&line);
		buf_append(&line, shown);
	}
	struct str text = str_trim(buf_str(&line));

	if (!find_http(draft, text, &value) &&
	    !find_grpc(draft, text, &value) && !find_tcp(draft, text, &value)) {
		draft_ask(draft, at, service,
			  "health is asked by '" STR_FMT "': which of http, "
			  "grpc, zmq and tcp is that, and on which port?",
			  (int)(shown.n < 200 ? shown.n : 200), shown.p);
		return;
	}
	append_timings(&out, value, timings);
	draft_set(draft, service, DRAFT_HEALTH, buf_str(&out), at);
}
