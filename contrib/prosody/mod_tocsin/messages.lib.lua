-- Reports messages, errors that the server generates about them, and messages that it drops silently.
-- luacheck: std lua54, globals module prosody

local st = require "util.stanza";
local filters = require "util.filters";
local add_task = require "util.timer".add_task;
local now = require "util.time".now;
local abs = math.abs;

local hosts, bare_sessions, full_sessions = prosody.hosts, prosody.bare_sessions, prosody.full_sessions;

local types = { chat = "'", normal = "' y='normal'", error = "' y='error'" };

-- A stanza's field for its class while it passes through the server: "content" or "none"; once it was considered for
-- reporting, the reported class, or false if it is not reported.
local class_field = "tocsin_class";

return function (tap)
	local event, outbox, safely, address = tap.event, tap.outbox, tap.safely, tap.address;
	local here, component = tap.here, tap.component;
	local attribute = event.attribute;

	local function is_room(domain)
		local host = domain ~= here and hosts[domain];
		return host and host.modules and host.modules.muc;
	end

	-- Returns both addresses if the message is between two people, else nothing.
	local function one_to_one(attr)
		if not attr.from or not attr.to or not types[attr.type or "normal"] then return; end
		local from, to = address(attr.from), address(attr.to);
		if not from.user or not to.user or from.bare == to.bare then return; end
		if from.host == component or to.host == component or is_room(from.host) or is_room(to.host) then return; end
		return from, to;
	end

	-- Whether a stanza is a message with content between two people.
	local function is_content(stanza)
		local class = stanza[class_field];
		if class == nil then
			class = stanza.name == "message" and stanza.attr.type ~= "error" and one_to_one(stanza.attr)
				and event.is_content(stanza) and "content" or "none";
			stanza[class_field] = class;
		end
		return class == "content";
	end

	local function id(attr)
		return attr.id and #attr.id <= event.max_id and attribute(attr.id);
	end

	local pieces = {}; -- of the current event

	-- Reports the fate of a message, if a local user sent it. to replaces the recipient, for example by a session.
	local function report(name, stanza, to, more)
		local attr = stanza.attr;
		local i, from = id(attr), address(attr.from);
		local home = hosts[from.host];
		if not i or not home or home.type ~= "local" then return; end
		pieces[1], pieces[2], pieces[3], pieces[4] = " f='", from.xml, "' t='", address(to or attr.to).xml;
		pieces[5], pieces[6], pieces[7], pieces[8] = "' i='", i, "'", more or "";
		pieces[9] = "/>";
		outbox.add_pieces(name, pieces, 9, 1);
	end
	tap.is_content, tap.report = is_content, report;
	function tap.wants.is_ours(domain) return tap.hosts[domain] ~= nil; end

	-- The recipient's archive has stored the message under its own id (XEP-0359). Reported only if the component asks for
	-- ids.
	module:hook("archive-message-added", safely("stanza-id", function (data)
		local stanza, id_there = data.stanza, data.id;
		local owner = data.for_user .. "@" .. here;
		if not tap.wants.ids or not id_there or #id_there > event.max_id then return; end
		if stanza.attr.to and address(stanza.attr.to).bare == owner and is_content(stanza) then
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

	-- Cached attributes.
	local ro = { both = " ro='both'", to = " ro='to'", from = " ro='from'", none = " ro='none'" };
	local ss, known_ss = {}, 0;

	local function sessions(to)
		local user = bare_sessions[to.bare];
		if not user then return " ss='0'"; end
		local all, managed, hibernating = 0, 0, 0;
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
		local key = all << 40 | managed << 20 | hibernating;
		if not ss[key] then
			if known_ss >= 1000 then ss, known_ss = {}, 0; end
			ss[key] = " ss='" .. all .. (managed > 0 and "' sm='" .. managed or "")
				.. (hibernating > 0 and "' hib='" .. hibernating or "") .. "'";
			known_ss = known_ss + 1;
		end
		return ss[key];
	end

	-- Reports a message. Returns its class, or false if it is not reported.
	local function report_message(name, stanza)
		local attr = stanza.attr;
		local from, to = one_to_one(attr);
		if not from then return false; end
		local class, n, elements = event.describe(stanza, tap.wants, pieces, 11);
		if not class then return false; end
		local i = id(attr);
		pieces[1], pieces[2], pieces[3], pieces[4] = " f='", from.xml, "' t='", to.xml;
		pieces[5], pieces[6] = i and "' i='" or "", i or "";
		pieces[7] = name == "bounce" and "'" or types[attr.type or "normal"];
		pieces[8], pieces[9], pieces[10] = "", "", "";
		if class == "content" and attr.type ~= "error" then
			local lang = attr["xml:lang"];
			if lang and #lang <= 35 then pieces[8] = " l='" .. attribute(lang) .. "'"; end
			if hosts[to.host] then
				pieces[9], pieces[10] = ro[standing(from, to)] or "", sessions(to);
			end
		end
		if elements == 1 and pieces[12] == "" then -- no payload
			n, pieces[11] = 11, "/>";
		else
			pieces[11], pieces[n + 1], pieces[n + 2], pieces[n + 3] = ">", "</", name, ">";
			n = n + 3;
		end
		outbox.add_pieces(name, pieces, n, elements);
		return class;
	end

	-- Handlers may replace an event's stanza (mod_mam does), so the class is recorded in the event as well.
	local on_out = safely("out", function (data)
		local stanza = data.stanza;
		stanza[class_field] = false; -- not tried again if the next line fails
		local class = report_message("out", stanza);
		if class then data.tocsin_class, stanza[class_field] = class, class; end
	end);

	-- Events of reported messages that have not been delivered yet, with the time; negative while the block list decides.
	-- (A field of the event would make its table grow, which is garbage for each message.)
	local under_way, sweeping = {}, false;

	local on_in = safely("in", function (data)
		under_way[data] = nil;
		local stanza = data.stanza;
		local class = data.tocsin_class;
		if not class and stanza[class_field] ~= false then -- not reported as "out"
			local is_own = stanza.attr.type == "error" and data.origin.type == "local";
			stanza[class_field] = false;
			class = report_message(is_own and "bounce" or "in", stanza);
		end
		stanza[class_field] = class or false;
	end);

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

	local on_routing = safely("dropped", function (data)
		if data.tocsin_class == "content" then
			under_way[data] = now();
			if not sweeping then
				sweeping = true;
				add_task(drop_timeout * 2, tap.sweep);
			end
		end
	end);

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
		elseif is_archived(stanza, address(stanza.attr.to).bare) then
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
	local function written(stanza, session)
		if stanza.name ~= "message" or session.type ~= "c2s" or session.host ~= here then return; end
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
	end
	local on_output = safely("output", function (stanza, session)
		if session.smacks and session.tocsin_key and not session.tocsin_managed then tap.managed(session); end
		if st.is_stanza(stanza) then written(stanza, session); end
	end);

	local function output_filter(stanza, session)
		on_output(stanza, session);
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
