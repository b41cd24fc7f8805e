-- mod_tocsin: shows Tocsin's component what goes between people on this VirtualHost.
--
-- The component gets a copy (XEP-0297) of each one-to-one message, of what tells its fate (receipts, markers,
-- reactions, retractions, corrections, errors), and of the presence of local clients:
--
--   <message from='example.org' to='tocsin.example.org' type='normal'>
--     <tap xmlns='urn:tocsin:tap:0' event='out'/>
--     <forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='…'/><message …/></forwarded>
--   </message>
--
-- event is one of
--   out       a local client sends the message
--   in        it comes to a local user from elsewhere: another server, a component, a module
--   offline   the server keeps it for a user who is not there
--   acked     the recipient's client has it: its stream management says so (XEP-0198)
--   bounce    the server itself refuses it: the error goes to the local sender
--   presence  a local client comes, changes, goes, or was there when the component connected
--
-- A message between two VirtualHosts that both load this module is copied once, by the sender's. While the component
-- is away copies are kept, the oldest given up first, and sent when it is back, in order. Whatever happens here, users
-- notice nothing: copies come from the host, so errors about them end there, and a fault in this module stops no
-- stanza.
--
-- Options, per VirtualHost:
--   tocsin_component = "tocsin.example.org"  -- required
--   tocsin_backlog = 10000     -- copies kept while the component is away
--   tocsin_sm_acks = true      -- tell "acked"
--   tocsin_presence = true     -- tell "presence"
--
-- Made for Prosody 0.12, and 0.11 and 13 by their sources.
-- Loaded by the component itself, it loads itself on the VirtualHosts of tocsin_domains: see component.lib.lua.
-- luacheck: std lua54, globals module prosody

if module:get_host_type() == "component" then
	module:require "component"();
	return;
end

local st = require "util.stanza";
local jid = require "util.jid";
local filters = require "util.filters";
local now = require "util.time".now;

local hosts = prosody.hosts;
local here = module.host;

local component = jid.prep(module:get_option_string("tocsin_component", ""));
if not component or component == "" or component == here or component:find("[@/]") then
	error('tocsin_component has to be the domain of the component, as in: tocsin_component = "tocsin.' .. here .. '"', 0);
end
local backlog_copies = module:get_option_number("tocsin_backlog", 10000);
local backlog_bytes = 64 * 1024 * 1024;
local tell_acks = module:get_option_boolean("tocsin_sm_acks", true);
local tell_presence = module:get_option_boolean("tocsin_presence", true);

-- By these "tocsin check" finds the module, sees how old it is, and where it sends its copies.
module:add_feature("urn:tocsin:tap:0");
module:add_extension(require "util.dataforms".new {
	{ name = "FORM_TYPE", type = "hidden", value = "urn:tocsin:tap" };
	{ name = "component", type = "text-single", value = component };
	{ name = "module", type = "text-single", value = "mod_tocsin 0" };
}:form(nil, "result"));

local xmlns_caps = "http://jabber.org/protocol/caps";

-- Shared by the VirtualHosts of one component, so that what they tell keeps its order.
local shared = module:shared("/*/tocsin/" .. component);
shared.hosts = shared.hosts or {}; -- those that load this module
shared.backlog = shared.backlog or { first = 1, last = 0, bytes = 0, lost = 0 };
local backlog = shared.backlog;

-- What a handler does wrong must not reach the stanza's sender: it is logged, once for each handler.
local function safely(name, handler)
	local told;
	return function (...)
		local ok, err = pcall(handler, ...);
		if not ok and not told then
			told = true;
			module:log("error", "%s: %s (told once; copies may be missing)", name, err);
		end
	end
end

-- The way to the component ---------------------------------------------------

local function connected()
	local host = hosts[component];
	local external = host and host.modules and host.modules.component;
	return external and external.connected;
end

local function drop_oldest()
	local entry = backlog[backlog.first];
	backlog[backlog.first] = nil;
	backlog.first = backlog.first + 1;
	backlog.bytes = backlog.bytes - entry.size;
	return entry;
end

local function keep(copy)
	local entry = { copy = copy, size = #tostring(copy) };
	backlog.last = backlog.last + 1;
	backlog[backlog.last] = entry;
	backlog.bytes = backlog.bytes + entry.size;
	while backlog.last - backlog.first >= backlog_copies or backlog.bytes > backlog_bytes do
		drop_oldest();
		backlog.lost = backlog.lost + 1;
	end
end

local function flush()
	local lost, kept = backlog.lost, backlog.last - backlog.first + 1;
	while backlog.first <= backlog.last do
		module:send(drop_oldest().copy);
	end
	backlog.lost = 0;
	if kept > 0 or lost > 0 then
		module:log(lost > 0 and "warn" or "info", "%d copies were kept while %s was away, %d older ones given up",
			kept, component, lost);
	end
end

-- Time as of XEP-0082, with milliseconds.
local function stamp()
	local time = now();
	local seconds = math.floor(time);
	return os.date("!%Y-%m-%dT%H:%M:%S", seconds) .. string.format(".%03dZ", math.floor((time - seconds) * 1000));
end

local function tell(event, stanza)
	local inner = st.clone(stanza);
	inner.attr.xmlns = "jabber:client";
	local copy = st.message({ from = here, to = component, type = "normal" })
		:tag("tap", { xmlns = "urn:tocsin:tap:0", event = event }):up()
		:tag("forwarded", { xmlns = "urn:xmpp:forward:0" })
			:tag("delay", { xmlns = "urn:xmpp:delay", stamp = stamp() }):up()
			:add_child(inner):reset();
	if connected() then
		module:send(copy);
	elseif event ~= "presence" then -- whoever is there is told anew when the component is back
		keep(copy);
	end
end

-- What is worth a copy -------------------------------------------------------

-- By namespace, then by name; those without a namespace of their own under "".
local payloads = {
	-- A message, or something that changes one.
	[""] = { body = "content" };
	["eu.siacs.conversations.axolotl"] = { encrypted = "content" };
	["urn:xmpp:omemo:1"] = { encrypted = "content" };
	["urn:xmpp:omemo:2"] = { encrypted = "content" };
	["urn:xmpp:openpgp:0"] = { openpgp = "content" };
	["jabber:x:encrypted"] = { x = "content" };
	["urn:xmpp:eme:0"] = { encryption = "content" };
	-- What tells a message's fate.
	["urn:xmpp:receipts"] = { received = "evidence" };
	["urn:xmpp:chat-markers:0"] = { received = "evidence", displayed = "evidence", acknowledged = "evidence" };
	["urn:xmpp:reactions:0"] = { reactions = "evidence" };
	["urn:xmpp:message-retract:1"] = { retract = "evidence" };
	["urn:xmpp:fasten:0"] = { ["apply-to"] = "evidence" }; -- holds retractions of version 0
	["urn:xmpp:message-correct:0"] = { replace = "evidence" };
	["urn:xmpp:reply:0"] = { reply = "evidence" };
	-- Other people's messages in a wrapper, and those in rooms.
	["urn:xmpp:carbons:2"] = { sent = "never", received = "never" };
	["urn:xmpp:mam:2"] = { result = "never" };
	["http://jabber.org/protocol/muc#user"] = { x = "never" };
};
payloads["jabber:client"] = payloads[""];

local types = { chat = true, normal = true, error = true };

local function is_room(domain)
	local host = hosts[domain];
	return host and host.modules and host.modules.muc;
end

-- Returns "content", "evidence", "error", or nothing for what Tocsin has no use for.
local function kind(stanza)
	local attr = stanza.attr;
	if stanza.name ~= "message" or attr.type and not types[attr.type] or not attr.from or not attr.to then return; end
	local sender, from = jid.split(attr.from);
	local recipient, to = jid.split(attr.to);
	if not sender or not recipient or from == component or to == component then return; end
	if sender == recipient and from == to then return; end -- to oneself
	local found;
	for _, child in ipairs(stanza.tags) do
		local names = payloads[child.attr.xmlns or ""];
		local what = names and names[child.name];
		if what == "never" then return; end
		if what and found ~= "content" then found = what; end
	end
	if attr.type == "error" then found = "error"; end
	if found and (is_room(from) or is_room(to)) then return; end
	return found;
end

-- Messages on their way ------------------------------------------------------

-- Errors that passed a hook, so that the filter below does not take them for the server's own.
local passed = setmetatable({}, { __mode = "k" });

local on_out = safely("out", function (event)
	local found = kind(event.stanza);
	if found == "error" then passed[event.stanza] = true; end
	if found then tell("out", event.stanza); end
end);

local on_in = safely("in", function (event)
	local origin, stanza = event.origin, event.stanza;
	if origin.type == "c2s" and shared.hosts[origin.host] then -- told as "out"
		if stanza.attr.type == "error" then passed[stanza] = true; end
		return;
	end
	local found = kind(stanza);
	if found == "error" then passed[stanza] = true; end
	if found then tell("in", stanza); end
end);

for _, to in ipairs { "bare", "full" } do
	-- After those that may stop or change a message (firewall, blocklist, archive, carbons at -0.5), before the delivery
	-- at -1.
	module:hook("pre-message/" .. to, on_out, -0.9);
	module:hook("message/" .. to, on_in, -0.9);
end

-- Before those that store it.
module:hook("message/offline/handle", safely("offline", function (event)
	if kind(event.stanza) == "content" then tell("offline", event.stanza); end
end), 10);

-- Errors of the server's own -------------------------------------------------

-- They go straight to the sender's session (blocked, no such user): no hook sees them.
local on_output = safely("bounce", function (stanza, session)
	if not st.is_stanza(stanza) or stanza.attr.type ~= "error" then return; end
	if session.host ~= here or session.type ~= "c2s" or passed[stanza] or kind(stanza) ~= "error" then return; end
	if stanza:get_child("delay", "urn:xmpp:delay") then return; end -- sent once more after a resumption
	tell("bounce", stanza);
end);

local function output_filter(stanza, session)
	on_output(stanza, session);
	return stanza;
end

local function watch(session)
	if session.type and session.type:sub(1, 3) == "c2s" then
		filters.add_filter(session, "stanzas/out", output_filter, 100);
	end
end

filters.add_filter_hook(watch);
module:hook("smacks-hibernation-end", function (event) -- the session goes on, with the new connection's filters
	if event.resumed then watch(event.resumed); end
end);

local function each_session(visit)
	for _, user in pairs(hosts[here].sessions or {}) do
		for _, session in pairs(user.sessions) do visit(session); end
	end
end

each_session(watch);

-- Stream management ----------------------------------------------------------

-- mod_smacks has no event for what a client has acknowledged, so its queue is read before it is shortened. Returns the
-- stanzas that h acknowledges, oldest first; nothing if the queue is not of a kind known here or h is wrong.
local function acknowledged(session, h)
	local queue = session.outgoing_stanza_queue;
	if not session.smacks or type(queue) ~= "table" or not h then return {}; end
	local waiting, new, unacked;
	if queue.count_acked and queue.count_unacked and queue.table then -- since 0.12; it may have given up the oldest
		waiting, new, unacked = queue:table(), h - queue:count_acked(), queue:count_unacked();
	elseif session.last_acknowledged_stanza then -- 0.11
		waiting, new, unacked = queue, h - session.last_acknowledged_stanza, #queue;
	else
		return {};
	end
	local stanzas = {};
	if new > 0 and new <= unacked then
		for i = 1, #waiting - (unacked - new) do stanzas[i] = waiting[i]; end
	end
	return stanzas;
end

local function tell_acknowledged(session, h)
	for _, stanza in ipairs(acknowledged(session, tonumber(h))) do
		if kind(stanza) == "content" then tell("acked", stanza); end
	end
end

if tell_acks then
	local on_ack = safely("acked", function (event)
		tell_acknowledged(event.origin, event.stanza.attr.h);
	end);
	-- A client that resumes says what it has got before.
	local on_resume = safely("acked", function (event)
		local session, attr = event.origin, event.stanza.attr;
		local resumable = module:shared("/*/smacks/resumption-tokens");
		local old = session.username and attr.previd and resumable[jid.join(session.username, here, attr.previd)];
		if old and not session.full_jid then tell_acknowledged(old, attr.h); end
	end);
	for _, xmlns in ipairs { "urn:xmpp:sm:2", "urn:xmpp:sm:3" } do
		module:hook("stanza/" .. xmlns .. ":a", on_ack, 1);
		module:hook("stanza/" .. xmlns .. ":resume", on_resume, 1);
	end
end

-- Presence -------------------------------------------------------------------

local function tell_of(full_jid, presence)
	local brief = st.presence({ from = full_jid, type = presence.attr.type });
	local caps = presence:get_child("c", xmlns_caps);
	if caps then brief:add_child(st.clone(caps)); end
	tell("presence", brief);
end

if tell_presence then
	-- mod_presence makes all of it pass here: initial presence, changes, and for every end of a session, an abrupt one and
	-- the end of its hibernation included, the unavailable one.
	module:hook("presence/bare", safely("presence", function (event)
		local origin, presence = event.origin, event.stanza;
		if presence.attr.to or not origin.full_jid or origin.host ~= here then return; end
		if not presence.attr.type or presence.attr.type == "unavailable" then tell_of(origin.full_jid, presence); end
	end), 0.5);
end

local function tell_all_presences()
	each_session(function (session)
		if session.presence and session.full_jid then tell_of(session.full_jid, session.presence); end
	end);
end

-- The component comes and goes -----------------------------------------------

local on_connect = safely("component-authenticated", function ()
	flush();
	if tell_presence then tell_all_presences(); end
end);

local hooked; -- the host may be activated after this one, and anew
local function attach()
	local host = hosts[component];
	if host and host.events ~= hooked then
		hooked = host.events;
		module:context(component):hook("component-authenticated", on_connect, -1);
	end
end

module:hook_global("host-activated", attach);
attach();
module:add_timer(0, function () -- once all hosts are there
	local host = hosts[component];
	if not (host and host.modules and host.modules.component) then
		module:log("warn", 'tocsin_component = "%s" names no component: correct it, or add Component "%s" and its secret',
			component, component);
	end
end);
shared.hosts[here] = true;
if connected() then on_connect(); end -- loaded while the component is there

-- Holds what is shared, the backlog in it, over a reload.
function module.save()
	return { shared = shared };
end

function module.restore()
end

function module.unload()
	shared.hosts[here] = nil;
	filters.remove_filter_hook(watch);
	each_session(function (session)
		filters.remove_filter(session, "stanzas/out", output_filter);
	end);
end
