-- mod_tocsin: reports to Tocsin's component what happens to messages between users of this VirtualHost.
--
-- It sends events, not copies, many in one stanza, in the format of docs/PROTOCOL.md §10 (urn:tocsin:tap:1): for each
-- one-to-one message what its fate depends on, what became of it, and who is online to receive it. VirtualHosts that
-- load this module for the same component share one sequence of batches, so that their events keep their order.
--
-- Users never notice anything: events go straight to the component's stream, and a fault in this module stops no
-- stanza. Batches are kept until the component has stored their events; while it is down they are kept up to the
-- limits below, the oldest are dropped first, and counted.
--
-- Loaded by the component itself, it loads itself on the VirtualHosts of tocsin_domains: see component.lib.lua.
--
-- Options, per VirtualHost:
--   tocsin_component = "tocsin.example.org"  -- required
--   tocsin_backlog = 100000  -- events kept while the component is away, in 64 MiB of memory at most
--   tocsin_sm_acks = true    -- tell what clients acknowledge (XEP-0198)
--   tocsin_presence = true   -- tell presence; sessions are told in any case
--   tocsin_text = true       -- tell the texts of messages, if the component wants them
--
-- event.lib.lua says what is in a message, outbox.lib.lua keeps the batches, messages.lib.lua and sessions.lib.lua
-- hook into Prosody.
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
	error('tocsin_component has to be the domain of the component, as in: tocsin_component = "tocsin.' .. here .. '"', 0);
end

-- These tell "tocsin check" that the module is loaded, its version, and where it sends its events.
local version = "mod_tocsin 1";
module:add_feature(xmlns);
module:add_extension(require "util.dataforms".new {
	{ name = "FORM_TYPE", type = "hidden", value = "urn:tocsin:tap" };
	{ name = "component", type = "text-single", value = component };
	{ name = "module", type = "text-single", value = version };
}:form(nil, "result"));

-- Shared by the VirtualHosts of one component.
local shared = module:shared("/*/tocsin-1/" .. component);
shared.hosts = shared.hosts or {}; -- those that load this module, with what they do when the component comes
shared.wants = shared.wants or { text = true, reactions = true, presence = true, ids = false, mds = false };
shared.state = shared.state or new_outbox.new_state((new_id():gsub("[^%w]", "")) .. "0");
shared.keys = shared.keys or 0;

-- An error in a handler must not affect the stanza: it is logged, once per handler.
local function safely(name, handler)
	local told;
	return function (data, more)
		local ok, err = pcall(handler, data, more);
		if not ok and not told then
			told = true;
			module:log("error", "%s: %s (told once; events may be missing)", name, err);
		end
	end
end

-- The component's stream, if it is connected.
local function stream()
	local host = hosts[component];
	local external = host and host.modules and host.modules.component;
	return external and external.connected and external.session;
end

local tail = "</message>";
local head = "<message from='" .. event.attribute(here) .. "' to='" .. event.attribute(component) .. "' type='normal'>";

local complained;
local function run_timer(_, _, fn)
	local ok, err = pcall(fn);
	if not ok and not complained then
		complained = true;
		module:log("error", "timer: %s (told once; events may be missing)", err);
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

-- What the other parts need from this one.
local tap = {
	event = event, outbox = outbox, safely = safely, hosts = shared.hosts, here = here, component = component,
	wants = shared.wants, tells_acks = module:get_option_boolean("tocsin_sm_acks", true),
};

-- Events about sessions are useless while the component is down: it gets all open ones when it is back.
function tap.is_up() return shared.state.up; end

function tap.next_key()
	shared.keys = shared.keys + 1;
	return ("%x"):format(shared.keys);
end

-- Addresses recur: each is split and escaped once.
local addresses, known = {}, 0;
function tap.address(full)
	local address = addresses[full];
	if not address then
		local user, host = jid.split(full);
		address = { user = user, host = host, bare = user and user .. "@" .. host or host, xml = event.attribute(full) };
		if known >= 10000 then addresses, known = {}, 0; end
		addresses[full], known = address, known + 1;
	end
	return address;
end

module:require "messages"(tap);
local sessions = module:require "sessions"(tap);

-- The component comes and goes -----------------------------------------------

local function hello()
	local names = {};
	for name in pairs(shared.hosts) do names[#names + 1] = name; end
	table.sort(names);
	outbox.add("hello", " v='1' module='" .. version .. "' server='Prosody " .. event.attribute(prosody.version or "?")
		.. "' hosts='" .. event.attribute(table.concat(names, " ")) .. "' tells='" .. (tap.tells_acks and "acked " or "")
		.. "handed unacked offline bounce dropped session roster removed'/>");
	for _, host in pairs(shared.hosts) do host.tell_all(); end
end

-- Stores the component's features. Returns whether it supports this format.
local function learn(features)
	local wants = shared.wants;
	wants.text = module:get_option_boolean("tocsin_text", true) and not features[xmlns .. "#no-text"];
	wants.reactions = not features[xmlns .. "#no-reactions"];
	wants.presence = module:get_option_boolean("tocsin_presence", true) and not features[xmlns .. "#no-presence"];
	wants.ids, wants.mds = features[xmlns .. "#ids"], features[xmlns .. "#mds"];
	return features[xmlns];
end

-- Asks the component for its features, then calls done with whether it supports this format.
local function ask(done)
	local iq = st.iq({ type = "get", id = new_id(), from = here, to = component })
		:tag("query", { xmlns = "http://jabber.org/protocol/disco#info" });
	module:send_iq(iq, nil, disco_timeout):next(function (answer)
		local features = {};
		local query = answer.stanza:get_child("query", "http://jabber.org/protocol/disco#info");
		for _, feature in ipairs(query and query.tags or {}) do
			if feature.name == "feature" and feature.attr.var then features[feature.attr.var] = true; end
		end
		done(learn(features));
	end, function () done(false); end):catch(function (err)
		module:log("error", "connection: %s", err);
	end);
end

-- Everything starts once the component has sent its features.
local function meet(session)
	ask(function (reads)
		local state = shared.state;
		if stream() ~= session or state.up then return; end
		if not reads then
			module:log("warn", "%s does not read %s, so it is told nothing: is it Tocsin, of this version?",
				component, xmlns);
			return;
		end
		module:log(state.lost > 0 and "warn" or "info", "%s is connected: %d events were kept for it, %d given up in all",
			component, state.kept + state.events, state.lost);
		outbox.connected();
		hello();
	end);
end

local on_connect = safely("component-authenticated", function ()
	local session = stream();
	if not session or shared.stream == session then return; end -- another of our hosts has seen to it
	shared.stream = session;
	meet(session);
end);

local on_disconnect = safely("component-disconnected", function (data)
	if data.session ~= shared.stream then return; end
	shared.stream = nil;
	outbox.disconnected();
end);

local hooked; -- the host may be activated after this one, and anew
local function attach()
	local host = hosts[component];
	if host and host.events ~= hooked then
		hooked = host.events;
		local context = module:context(component);
		context:hook("component-authenticated", on_connect, -1);
		context:hook("component-disconnected", on_disconnect);
	end
end

-- What the component asks of this host. Returns nothing if it comes from anybody else: such stanzas are answered as if
-- this module were not there.
local function asked(request, answer)
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

module:hook("iq-set/host/" .. xmlns .. ":ack", asked("ack", function (ack)
	return outbox.acknowledge(ack.attr.run, tonumber(ack.attr.n));
end));

-- The answer follows all events queued before.
module:hook("iq-set/host/" .. xmlns .. ":refresh", asked("refresh", function ()
	outbox.flush();
	meet(stream());
	return true;
end));

-- A user's name for a contact.
module:hook("iq-get/host/" .. xmlns .. ":contact", asked("contact", function (contact)
	local username, host = jid.split(contact.attr.o);
	if host ~= here or not username then return; end
	local item = (rostermanager.load_roster(username, host) or {})[jid.prep(contact.attr.j)];
	return st.stanza("contact", { xmlns = xmlns, o = contact.attr.o, j = contact.attr.j, name = item and item.name });
end));

shared.hosts[here] = sessions;
module:hook_global("host-activated", attach);
attach();
module:add_timer(0, function () -- once all hosts are there
	local host = hosts[component];
	if not (host and host.modules and host.modules.component) then
		module:log("warn", 'tocsin_component = "%s" names no component: correct it, or add Component "%s" and its secret',
			component, component);
	end
end);
on_connect(); -- the component may be there already
if shared.state.up then -- and be listening: to what this host tells, too, from now on
	meet(shared.stream);
	hello();
end

local say_bye = safely("server-stopping", function ()
	outbox.add("bye", "/>");
	outbox.flush();
end);

-- The server ends when this returns, and what is not written by then is lost. So it waits until the component has all,
-- but a second at most.
module:hook_global("server-stopping", function ()
	if shared.bye then return; end
	shared.bye = true;
	say_bye();
	if not shared.state.up or not async.ready() then return; end
	local wait, done = async.waiter();
	local patience = 20;
	add_task(0.05, function ()
		patience = patience - 1;
		if shared.state.kept > 0 and shared.state.up and patience > 0 then return 0.05; end
		done();
	end);
	wait();
end, -1000);

-- Holds what is shared, the batches in it, over a reload.
function module.save()
	return { shared = shared };
end

function module.restore() -- module:shared() has found it
end

function module.unload()
	shared.hosts[here] = nil;
	sessions.unload();
	outbox.flush();
end
