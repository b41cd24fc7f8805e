-- mod_tocsin: reports to Tocsin's component what happens to messages between users of this VirtualHost.
--
-- It sends batches of events (docs/PROTOCOL.md §10, urn:tocsin:tap:1) about one-to-one messages, sessions, presence and
-- rosters. VirtualHosts that load it for the same component share one sequence of batches, so events stay in order.
--
-- Users are not affected: events go straight to the component's stream, and an error in this module never stops a
-- stanza. Batches are kept until the component acknowledges them. While it is offline they are kept up to the limits
-- below; the oldest are dropped first, and counted.
--
-- On the component's own host, the module loads itself on the VirtualHosts of tocsin_domains: see component.lib.lua.
--
-- Options, per VirtualHost:
--   tocsin_component = "tocsin.example.org"  -- required
--   tocsin_backlog = 100000  -- events kept while the component is offline, using up to 64 MiB
--   tocsin_sm_acks = true    -- report acknowledgements by clients (XEP-0198)
--   tocsin_presence = true   -- report presence; sessions are always reported
--   tocsin_text = true       -- report message texts, if the component wants them
--
-- event.lib.lua formats messages as events, outbox.lib.lua keeps and sends batches, messages.lib.lua and
-- sessions.lib.lua hook into Prosody.
-- luacheck: std lua54, globals module prosody

if module:get_host_type() == "component" then
	module:require "component"();
	return;
end

local rostermanager = require "core.rostermanager";
local st = require "util.stanza";
local jid = require "util.jid";
local new_id = require "util.id".medium;
local async = require "util.async";
local add_task = require "util.timer".add_task;
local time = require "util.time";

local event = module:require "event";
local new_outbox = module:require "outbox";

local hosts = prosody.hosts;
local here = module.host;
local xmlns = "urn:tocsin:tap:1";
local disco_timeout = 10; -- seconds

local component = jid.prep(module:get_option_string("tocsin_component", ""));
if not component or component == "" or component == here or component:find("[@/]") then
	error('tocsin_component must be the component\'s domain (example: tocsin_component = "tocsin.' .. here .. '")', 0);
end

-- Shows "tocsin check" that the module is loaded, its version, and the component it reports to.
local version = "mod_tocsin 1";
module:add_feature(xmlns);
module:add_extension(require "util.dataforms".new {
	{ name = "FORM_TYPE", type = "hidden", value = "urn:tocsin:tap" };
	{ name = "component", type = "text-single", value = component };
	{ name = "module", type = "text-single", value = version };
}:form(nil, "result"));

-- Shared by all VirtualHosts that report to the component.
local shared = module:shared("/*/tocsin-1/" .. component);
shared.hosts = shared.hosts or {}; -- hosts with this module; values are what sessions.lib.lua returns
shared.wants = shared.wants or { text = true, reactions = true, presence = true, ids = false, mds = false };
shared.state = shared.state or new_outbox.new_state((new_id():gsub("[^%w]", "")) .. "0");
shared.keys = shared.keys or 0;

-- Wraps a handler: an error must not affect the stanza. It is logged, once per handler.
local function safely(name, handler)
	local logged;
	return function (data, more)
		local ok, err = pcall(handler, data, more);
		if not ok and not logged then
			logged = true;
			module:log("error", "%s: %s (logged once; events may be missing)", name, err);
		end
	end
end

-- Returns the component's stream if it is connected.
local function stream()
	local host = hosts[component];
	local external = host and host.modules and host.modules.component;
	return external and external.connected and external.session;
end

local tail = "</message>";
local head = "<message from='" .. event.attribute(here) .. "' to='" .. event.attribute(component) .. "' type='normal'>";

local timer_error_logged;
local function run_timer(_, _, fn)
	local ok, err = pcall(fn);
	if not ok and not timer_error_logged then
		timer_error_logged = true;
		module:log("error", "timer: %s (logged once; events may be missing)", err);
	end
end

local outbox = new_outbox.new(shared.state, {
	send = function (text)
		local session = stream();
		return session and session == shared.stream and session.send(text);
	end;
	clock = time.monotonic or time.now;
	time = time.now;
	after = function (seconds, fn) add_task(seconds, run_timer, fn); end;
	envelope = function () return head, tail; end;
	max_events = module:get_option_number("tocsin_backlog", 100000);
	max_bytes = 64 * 1024 * 1024;
	max_event = event.max_event;
});

-- Passed to messages.lib.lua and sessions.lib.lua.
local tap = {
	event = event, outbox = outbox, safely = safely, hosts = shared.hosts, here = here, component = component,
	wants = shared.wants, reports_acks = module:get_option_boolean("tocsin_sm_acks", true),
};

-- Session events are useless while the component is offline: it gets all open sessions when it connects.
function tap.is_up() return shared.state.up; end

function tap.next_key()
	shared.keys = shared.keys + 1;
	return ("%x"):format(shared.keys);
end

-- Cache: addresses recur, so each is split and escaped once. The fields from and to of two addresses are the start of a
-- message's event: " f='…' t='" and "…' i='".
local known = 0;
tap.addresses = setmetatable({}, { __index = function (addresses, full)
	local user, host = jid.split(full);
	local xml = event.attribute(full);
	if known >= 10000 then
		for each in pairs(addresses) do addresses[each] = nil; end
		known = 0;
	end
	addresses[full], known = {
		user = user, host = host, bare = user and user .. "@" .. host or host, is_here = user and host == here,
		xml = xml, from = " f='" .. xml .. "' t='", to = xml .. "' i='",
	}, known + 1;
	return addresses[full];
end });

module:require "messages"(tap);
local sessions = module:require "sessions"(tap);

-- Connection -------------------------------------------------------------------

local function hello()
	local names = {};
	for name in pairs(shared.hosts) do names[#names + 1] = name; end
	table.sort(names);
	outbox.add("hello", " v='1' module='" .. version .. "' server='Prosody " .. event.attribute(prosody.version or "?")
		.. "' hosts='" .. event.attribute(table.concat(names, " ")) .. "' tells='" .. (tap.reports_acks and "acked " or "")
		.. "handed unacked offline bounce dropped session roster removed'/>");
	for _, host in pairs(shared.hosts) do host.tell_all(); end
end

-- Stores what the component wants. Returns whether it supports this format.
local function set_wants(features)
	local wants = shared.wants;
	wants.text = module:get_option_boolean("tocsin_text", true) and not features[xmlns .. "#no-text"];
	wants.reactions = not features[xmlns .. "#no-reactions"];
	wants.presence = module:get_option_boolean("tocsin_presence", true) and not features[xmlns .. "#no-presence"];
	wants.ids, wants.mds = features[xmlns .. "#ids"], features[xmlns .. "#mds"];
	return features[xmlns];
end

-- Queries the component's features, then calls done with whether it supports this format.
local function ask(done)
	local iq = st.iq({ type = "get", id = new_id(), from = here, to = component })
		:tag("query", { xmlns = "http://jabber.org/protocol/disco#info" });
	module:send_iq(iq, nil, disco_timeout):next(function (answer)
		local features = {};
		local query = answer.stanza:get_child("query", "http://jabber.org/protocol/disco#info");
		for _, feature in ipairs(query and query.tags or {}) do
			if feature.name == "feature" and feature.attr.var then features[feature.attr.var] = true; end
		end
		done(set_wants(features));
	end, function () done(false); end):catch(function (err)
		module:log("error", "connection: %s", err);
	end);
end

-- Starts sending once the component has reported its features.
local function start(session)
	ask(function (reads)
		local state = shared.state;
		if stream() ~= session or state.up then return; end
		if not reads then
			module:log("warn", "%s does not support %s, so no events are sent: is it a current version of Tocsin?",
				component, xmlns);
			return;
		end
		module:log(state.lost > 0 and "warn" or "info", "%s is connected: sending %d kept events, %d lost in all",
			component, state.kept + state.events, state.lost);
		outbox.connected();
		hello();
	end);
end

local on_connect = safely("component-authenticated", function ()
	local session = stream();
	if not session or shared.stream == session then return; end -- another host has started already
	shared.stream = session;
	start(session);
end);

local on_disconnect = safely("component-disconnected", function (data)
	if data.session ~= shared.stream then return; end
	shared.stream = nil;
	outbox.disconnected();
end);

local hooked; -- the events table that has the hooks: the component's host may be activated later, or again
local function attach()
	local host = hosts[component];
	if host and host.events ~= hooked then
		hooked = host.events;
		local context = module:context(component);
		context:hook("component-authenticated", on_connect, -1);
		context:hook("component-disconnected", on_disconnect);
	end
end

-- Wraps a handler for the component's IQs. Anybody else's are left to Prosody, as if this module were not loaded.
local function answering(request, answer)
	return function (data)
		local origin, stanza = data.origin, data.stanza;
		if origin.type ~= "component" or stanza.attr.from ~= component then return; end
		local ok, found = pcall(answer, stanza.tags[1]);
		if ok and found then
			local reply = st.reply(stanza);
			origin.send(st.is_stanza(found) and reply:add_child(found) or reply);
		else
			if not ok then module:log("error", "%s: %s", request, found); end
			origin.send(st.error_reply(stanza, "cancel", ok and "item-not-found" or "internal-server-error"));
		end
		return true;
	end
end

module:hook("iq-set/host/" .. xmlns .. ":ack", answering("ack", function (ack)
	return outbox.acknowledge(ack.attr.run, tonumber(ack.attr.n));
end));

-- The answer is sent after all events queued so far.
module:hook("iq-set/host/" .. xmlns .. ":refresh", answering("refresh", function ()
	outbox.flush();
	start(stream());
	return true;
end));

-- A user's roster name for a contact.
module:hook("iq-get/host/" .. xmlns .. ":contact", answering("contact", function (contact)
	local username, host = jid.split(contact.attr.o);
	if host ~= here or not username then return; end
	local item = (rostermanager.load_roster(username, host) or {})[jid.prep(contact.attr.j)];
	return st.stanza("contact", { xmlns = xmlns, o = contact.attr.o, j = contact.attr.j, name = item and item.name });
end));

shared.hosts[here] = sessions;
module:hook_global("host-activated", attach);
attach();
module:add_timer(0, function () -- once all hosts are activated
	local host = hosts[component];
	if not (host and host.modules and host.modules.component) then
		module:log("warn", 'tocsin_component = "%s" names no component on this server; correct it, or add Component "%s"',
			component, component);
	end
end);
on_connect(); -- the component may be connected already
if shared.state.up then -- other hosts are reporting already: announce this one
	start(shared.stream);
	hello();
end

local say_bye = safely("server-stopping", function ()
	outbox.add("bye", "/>");
	outbox.flush();
end);

-- Prosody exits when this returns, and unwritten data is lost. So this waits until the component has acknowledged
-- everything, for one second at most.
module:hook_global("server-stopping", function ()
	if shared.bye then return; end
	shared.bye = true;
	say_bye();
	if not shared.state.up or not async.ready() then return; end
	local wait, done = async.waiter();
	local tries = 20;
	add_task(0.05, function ()
		tries = tries - 1;
		if shared.state.kept > 0 and shared.state.up and tries > 0 then return 0.05; end
		done();
	end);
	wait();
end, -1000);

-- Keeps the shared table, with its batches, across a reload.
function module.save()
	return { shared = shared };
end

function module.restore() -- module:shared() returns the same table again
end

function module.unload()
	shared.hosts[here] = nil;
	sessions.unload();
	outbox.flush();
end
