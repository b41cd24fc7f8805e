-- Reports messages, errors that the server generates about them, and messages that it drops silently.
-- luacheck: std lua54, globals module prosody

local filters = require "util.filters";
local add_task = require "util.timer".add_task;
local now = require "util.time".now;
local abs = math.abs;

local hosts, bare_sessions, full_sessions = prosody.hosts, prosody.bare_sessions, prosody.full_sessions;

local types = { chat = "'", normal = "' y='normal'", error = "' y='error'" };
local open_types = { chat = "'>", normal = "' y='normal'>", error = "' y='error'>" };
local closing = setmetatable({}, { __index = function (known, name)
	known[name] = "</" .. name .. ">";
	return known[name];
end });

-- A field of events, and of error stanzas, that were considered for reporting: the reported class, or false if not
-- reported.
local class_field = "tocsin_class";

return function (tap)
	local event, outbox, safely, addresses, wants = tap.event, tap.outbox, tap.safely, tap.addresses, tap.wants;
	local here, component = tap.here, tap.component;
	local attribute, describe, max_id = event.attribute, event.describe, event.max_id;

	local function is_person(address)
		if not address.user or address.host == component then return false; end
		local host = hosts[address.host];
		return not (host and host.modules and host.modules.muc);
	end

	-- Returns both addresses if the message is between two people, else nothing.
	local function one_to_one(attr)
		if not attr.from or not attr.to or not types[attr.type or "normal"] then return; end
		local from, to = addresses[attr.from], addresses[attr.to];
		if from.bare == to.bare then return; end
		if (from.is_here or is_person(from)) and (to.is_here or is_person(to)) then return from, to; end
	end

	-- The latest message that was considered, which is delivered next, and its class. (A field of all messages would make
	-- their tables grow, which is garbage.)
	local latest, latest_class;

	-- Whether a stanza is a message with content between two people.
	local function is_content(stanza)
		if stanza == latest then return latest_class == "content"; end
		return stanza.name == "message" and stanza.attr.type ~= "error" and one_to_one(stanza.attr)
			and event.is_content(stanza, wants);
	end

	local function id(attr)
		return attr.id and #attr.id <= max_id and attribute(attr.id);
	end

	local pieces = {}; -- of the current event

	-- Reports the fate of a message, if a local user sent it. to replaces the recipient, for example by a session.
	local function report(name, stanza, to, more)
		local attr = stanza.attr;
		local i, from = id(attr), addresses[attr.from];
		local home = hosts[from.host];
		if not i or not home or home.type ~= "local" then return; end
		pieces[1], pieces[2], pieces[3], pieces[4] = from.from, addresses[to or attr.to].to, i, "'/>";
		if more then pieces[4], pieces[5], pieces[6] = "'", more, "/>"; end
		outbox.add_pieces(name, pieces, 1, more and 6 or 4, 1);
	end
	tap.is_content, tap.report = is_content, report;
	function wants.is_ours(domain) return tap.hosts[domain] ~= nil; end

	-- The recipient's archive has stored the message under its own id (XEP-0359). Reported only if the component asks for
	-- ids.
	module:hook("archive-message-added", safely("stanza-id", function (data)
		local stanza, id_there = data.stanza, data.id;
		local owner = data.for_user .. "@" .. here;
		if not wants.ids or not id_there or #id_there > max_id then return; end
		if stanza.attr.to and addresses[stanza.attr.to].bare == owner and is_content(stanza) then
			report("stanza-id", stanza, owner, " id='" .. attribute(id_there) .. "'");
		end
	end));

	-- The sender's standing in the recipient's roster, if it is known without loading one.
	local mirrored = { both = "both", to = "from", from = "to", none = "none" };
	local function standing(from, to)
		local user = bare_sessions[to.bare];
		local roster = user and user.roster;
		if not roster then
			local cache = hosts[to.host].roster_cache;
			roster = cache and cache:get(to.bare);
		end
		if roster then
			local item = roster[from.bare];
			return item and item.subscription or "none";
		end
		local sender = bare_sessions[from.bare]; -- a local sender's own roster says the same from the other side
		local item = sender and sender.roster and (sender.roster[to.bare] or { subscription = "none" });
		return item and mirrored[item.subscription];
	end
	tap.standing = standing;

	-- Returns the numbers of all sessions of a user, of those that acknowledge messages, and of hibernating ones.
	local function sessions(to)
		local user = bare_sessions[to.bare];
		local all, managed, hibernating = 0, 0, 0;
		if not user then return all, managed, hibernating; end
		-- mod_smacks does not request acknowledgements from inactive clients (XEP-0352), except with mod_csi_simple, which
		-- flushes its queue for messages with content.
		local asks_all = hosts[to.host].modules.csi_simple;
		for _, session in pairs(user.sessions) do
			all = all + 1;
			if session.smacks and (asks_all or session.hibernating or session.state ~= "inactive") then
				managed = managed + 1;
			end
			if session.hibernating then hibernating = hibernating + 1; end
		end
		return all, managed, hibernating;
	end

	-- Cached: the further attributes of a message with content, by language, then by the other values.
	local details, known_details = {}, 0;
	local codes = { none = 1, from = 2, to = 3, both = 4 };

	-- Returns them and the end of the tag. lang may be false.
	local function details_of(lang, from, to)
		local key, ro, all, managed, hibernating = -1, nil, nil, nil, nil;
		if hosts[to.host] then
			ro = standing(from, to);
			all, managed, hibernating = sessions(to);
			key = all << 40 | managed << 20 | hibernating << 3 | (codes[ro] or 0);
		end
		local of_lang = details[lang];
		local xml = of_lang and of_lang[key];
		if not xml then
			xml = (lang and " l='" .. attribute(lang) .. "'" or "") .. (codes[ro] and " ro='" .. ro .. "'" or "")
				.. (all and " ss='" .. all .. (managed > 0 and "' sm='" .. managed or "")
				.. (hibernating > 0 and "' hib='" .. hibernating or "") .. "'" or "") .. ">";
			if known_details >= 1000 then details, known_details = {}, 0; end
			details[lang] = details[lang] or {};
			details[lang][key], known_details = xml, known_details + 1;
		end
		return xml;
	end

	-- Reports a message. Returns its class, or false if it is not reported.
	local function report_message(name, stanza)
		local attr = stanza.attr;
		if not types[attr.type or "normal"] then return false; end
		local class, first, last, elements = describe(stanza, wants, pieces, 5);
		if not class then return false; end
		local from, to = one_to_one(attr);
		if not from then return false; end
		local type = name ~= "bounce" and (attr.type or "normal") or "chat"; -- the default of an event
		if class == "content" and attr.type ~= "error" then
			local lang = attr["xml:lang"];
			first = first - 2;
			pieces[first], pieces[first + 1] = types[type], details_of(lang and #lang <= 35 and lang or false, from, to);
		else
			first = first - 1;
			pieces[first] = open_types[type];
		end
		local i = id(attr);
		first = first - 3;
		pieces[first], pieces[first + 1], pieces[first + 2] = from.from, i and to.to or to.xml, i or "";
		last = last + 1;
		pieces[last] = closing[name];
		outbox.add_pieces(name, pieces, first, last, elements);
		return class;
	end

	local function set_class(stanza, class)
		if stanza.attr.type == "error" then
			stanza[class_field] = class;
		else
			latest, latest_class = stanza, class;
		end
	end

	-- Handlers may replace an event's stanza (mod_mam does), so the class is recorded in the event.
	local on_out = safely("out", function (data)
		local stanza = data.stanza;
		data[class_field] = false; -- not tried again if the next line fails
		local class = report_message("out", stanza);
		data[class_field] = class;
		set_class(stanza, class);
	end);

	-- Events of reported messages that have not been delivered yet, with the time; negative while the block list decides.
	-- (A field of the event would make its table grow, which is garbage for each message.)
	local under_way, sweeping = {}, false;

	local on_unconsidered = safely("in", function (data)
		local stanza = data.stanza;
		if stanza[class_field] == false then return; end
		set_class(stanza, false);
		local is_own = stanza.attr.type == "error" and data.origin.type == "local";
		set_class(stanza, report_message(is_own and "bounce" or "in", stanza));
	end);

	local function on_in(data)
		local class = data[class_field];
		if class == nil then return on_unconsidered(data); end
		if class == "content" then under_way[data] = nil; end
		if data.stanza ~= latest then set_class(data.stanza, class); end
	end

	-- Messages may be dropped silently, by a block list (mod_blocklist at priority 100: messages to a full JID; since
	-- Prosody 13 all, unless bounce_blocked_messages is set) or by other handlers. No event says so: the message neither
	-- reaches delivery nor causes an error. Handlers may wait for storage, so this is decided after a while.
	local drop_timeout = 1; -- seconds
	local sweep = safely("dropped", function ()
		sweeping = false;
		local before = now() - drop_timeout;
		for data, at in pairs(under_way) do
			if abs(at) <= before then
				under_way[data] = nil;
				report("dropped", data.stanza, nil, " why='" .. (at < 0 and "blocked" or "filtered") .. "'");
			end
		end
		if next(under_way) then
			sweeping = true;
			add_task(drop_timeout, tap.sweep);
		end
	end);
	function tap.sweep() sweep(); end

	local function on_routing(data)
		if data[class_field] ~= "content" then return; end
		under_way[data] = now();
		if not sweeping then
			sweeping = true;
			add_task(drop_timeout * 2, tap.sweep);
		end
	end

	for _, to in ipairs { "bare", "full" } do
		-- After handlers that may stop or change a message (firewall, blocklist, archive, carbons at -0.5), and before
		-- routing and delivery at -1.
		module:hook("pre-message/" .. to, on_out, -0.9);
		module:hook("message/" .. to, on_routing, 1000000);
		for _, priority in ipairs { 100.5, 99.5 } do -- before and after the block list
			module:hook("message/" .. to, function (data)
				local at = under_way[data];
				if at then under_way[data] = -at; end
			end, priority);
		end
		module:hook("message/" .. to, on_in, -0.9);
	end

	local function is_archived(stanza, bare)
		return stanza:get_child_with_attr("stanza-id", "urn:xmpp:sid:0", "by", bare);
	end

	-- Before mod_offline and mod_mam, which handle storing.
	module:hook("message/offline/handle", safely("offline", function (data)
		local stanza = data.stanza;
		if not is_content(stanza) then return; end
		if hosts[here].modules.offline then
			report("offline", stanza, nil, " how='offline'");
		elseif is_archived(stanza, addresses[stanza.attr.to].bare) then
			report("offline", stanza, nil, " how='archive'");
		end
	end), 10);

	-- Messages that a session never acknowledged. If the client uses the archive, mod_smacks leaves archived messages
	-- there and fires no other event.
	module:hook("delivery/failure", safely("unacked", function (data)
		local session, stanza = data.session, data.stanza;
		if not session.username or not is_content(stanza) then return; end
		report("unacked", stanza, session.full_jid);
		local bare = session.username .. "@" .. session.host;
		if session.mam_requested and is_archived(stanza, bare) then
			report("offline", stanza, bare, " how='archive'");
		end
	end), 10);

	-- Stanzas written to a session ------------------------------------------------

	-- Errors generated by the server (blocked, no such user) go straight to the sender's session, without an event.
	local on_message = safely("output", function (stanza, session)
		if session.type ~= "c2s" or session.host ~= here then return; end
		if stanza.attr.type == "error" then
			for data in pairs(under_way) do -- the message was refused, not dropped
				local attr = data.stanza.attr;
				if attr.id == stanza.attr.id and attr.from == stanza.attr.to then under_way[data] = nil; end
			end
			if stanza[class_field] == nil and not stanza:get_child("delay", "urn:xmpp:delay") then
				stanza[class_field] = false;
				report_message("bounce", stanza);
			end
		elseif not session.smacks and is_content(stanza) then
			report("handed", stanza, session.full_jid);
		end
	end);
	local on_managed = safely("managed", function (session) tap.managed(session); end);

	-- Everything that is written passes this: stanzas, and strings, which have no name.
	local function output_filter(stanza, session)
		if session.smacks and not session.tocsin_managed and session.tocsin_key then on_managed(session); end
		if stanza.name == "message" and (stanza ~= latest or latest_class == "content") then
			on_message(stanza, session);
		end
		return stanza;
	end

	function tap.watch(session)
		if session.type and session.type:sub(1, 3) == "c2s" then
			filters.add_filter(session, "stanzas/out", output_filter, 100);
		end
	end

	function tap.unwatch(session)
		filters.remove_filter(session, "stanzas/out", output_filter);
	end

	filters.add_filter_hook(tap.watch);

	function tap.still_there(session)
		return full_sessions[session.full_jid or ""] == session;
	end
end
