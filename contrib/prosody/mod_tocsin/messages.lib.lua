-- Messages on their way, the server's errors about them, and what it drops silently.
-- luacheck: std lua54, globals module prosody

local st = require "util.stanza";
local filters = require "util.filters";
local add_task = require "util.timer".add_task;
local now = require "util.time".now;

local hosts, bare_sessions, full_sessions = prosody.hosts, prosody.bare_sessions, prosody.full_sessions;

local types = { chat = "'", normal = "' y='normal'", error = "' y='error'" };

-- The class of a stanza is recorded in it while it passes through the server: "content" or "none", and once it has been
-- looked at to be reported, its class, or false if there was nothing to report.
local noted = "tocsin_class";

return function (tap)
	local event, outbox, safely, address = tap.event, tap.outbox, tap.safely, tap.address;
	local here, component = tap.here, tap.component;
	local attribute = event.attribute;

	local function is_room(domain)
		local host = domain ~= here and hosts[domain];
		return host and host.modules and host.modules.muc;
	end

	-- Returns the addresses of a message between two people.
	local function people(attr)
		if not attr.from or not attr.to or not types[attr.type or "normal"] then return; end
		local from, to = address(attr.from), address(attr.to);
		if not from.user or not to.user or from.bare == to.bare then return; end
		if from.host == component or to.host == component or is_room(from.host) or is_room(to.host) then return; end
		return from, to;
	end

	-- Whether a message is one between two people.
	local function is_content(stanza)
		local class = stanza[noted];
		if class == nil then
			class = stanza.name == "message" and stanza.attr.type ~= "error" and people(stanza.attr)
				and event.is_content(stanza) and "content" or "none";
			stanza[noted] = class;
		end
		return class == "content";
	end

	local function id(attr)
		return attr.id and #attr.id <= event.max_id and attribute(attr.id);
	end

	local pieces = {}; -- of the event that is being written

	-- Reports the fate of a message, by its addresses and its id, if a local user wrote it. to is the session concerned,
	-- if there is one.
	local function tell(name, stanza, to, more)
		local attr = stanza.attr;
		local i, from = id(attr), address(attr.from);
		local home = hosts[from.host];
		if not i or not home or home.type ~= "local" then return; end
		pieces[1], pieces[2], pieces[3], pieces[4] = " f='", from.xml, "' t='", address(to or attr.to).xml;
		pieces[5], pieces[6], pieces[7], pieces[8] = "' i='", i, "'", more or "";
		pieces[9] = "/>";
		outbox.add_pieces(name, pieces, 9, 1);
	end
	tap.is_content, tap.tell = is_content, tell;
	function tap.wants.is_ours(domain) return tap.hosts[domain] ~= nil; end

	-- The recipient's archive has it, under its own id (XEP-0359): only if the component asks for ids.
	module:hook("archive-message-added", safely("stanza-id", function (data)
		local stanza, id_there = data.stanza, data.id;
		local owner = data.for_user .. "@" .. here;
		if not tap.wants.ids or not id_there or #id_there > event.max_id then return; end
		if stanza.attr.to and address(stanza.attr.to).bare == owner and is_content(stanza) then
			tell("stanza-id", stanza, owner, " id='" .. attribute(id_there) .. "'");
		end
	end));

	-- The sender's standing in the recipient's roster, if it is at hand.
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

	-- As attributes, each made once.
	local ro = { both = " ro='both'", to = " ro='to'", from = " ro='from'", none = " ro='none'" };
	local ss, known_ss = {}, 0;

	local function sessions(to)
		local user = bare_sessions[to.bare];
		if not user then return " ss='0'"; end
		local all, managed, hibernating = 0, 0, 0;
		-- mod_smacks asks no client that has said that nobody looks (XEP-0352), unless mod_csi_simple lets through what
		-- people write.
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

	-- Reports a message itself. Returns its class, or false if there is nothing to report.
	local function tell_message(name, stanza)
		local attr = stanza.attr;
		local from, to = people(attr);
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

	-- Handlers may replace the stanza of an event (mod_mam does), so the event remembers what was reported.
	local on_out = safely("out", function (data)
		local stanza = data.stanza;
		stanza[noted] = false; -- whatever goes wrong, it is looked at once
		local class = tell_message("out", stanza);
		if class then data.tocsin_class, stanza[noted] = class, class; end
	end);

	-- Events of reported messages that have not reached their delivery, with the time.
	local under_way, sweeping = {}, false;

	local on_in = safely("in", function (data)
		under_way[data] = nil;
		local stanza = data.stanza;
		local class = data.tocsin_class;
		if not class and stanza[noted] ~= false then -- it was not told as "out"
			local is_own = stanza.attr.type == "error" and data.origin.type == "local";
			stanza[noted] = false;
			class = tell_message(is_own and "bounce" or "in", stanza);
		end
		stanza[noted] = class or false;
	end);

	-- What is dropped without a word: by a block list (mod_blocklist at 100: messages to a blocker's full JID, since
	-- Prosody 13 all unless bounce_blocked_messages is set), or by others who stop it. Nothing says so: it just never
	-- comes to where it is delivered, and no error is written. Some handlers wait for a storage; so it is given time.
	local grace = 1; -- seconds
	local sweep = safely("dropped", function ()
		sweeping = false;
		local before = now() - grace;
		for data, at in pairs(under_way) do
			if at <= before then
				under_way[data] = nil;
				tell("dropped", data.stanza, nil, " why='" .. (data.tocsin_blocked and "blocked" or "filtered") .. "'");
			end
		end
		if next(under_way) then
			sweeping = true;
			add_task(grace, tap.sweep);
		end
	end);
	function tap.sweep() sweep(); end

	local on_way = safely("dropped", function (data)
		if data.tocsin_class == "content" then
			under_way[data] = now();
			if not sweeping then
				sweeping = true;
				add_task(grace * 2, tap.sweep);
			end
		end
	end);

	for _, to in ipairs { "bare", "full" } do
		-- After those that may stop or change a message (firewall, blocklist, archive, carbons at -0.5), before it leaves
		-- for its recipient, and before the delivery at -1.
		module:hook("pre-message/" .. to, on_out, -0.9);
		module:hook("message/" .. to, on_way, 1000000);
		module:hook("message/" .. to, function (data)
			if under_way[data] then data.tocsin_blocked = true; end
		end, 100.5);
		module:hook("message/" .. to, function (data)
			if data.tocsin_blocked then data.tocsin_blocked = nil; end
		end, 99.5);
		module:hook("message/" .. to, on_in, -0.9);
	end

	local function is_archived(stanza, bare)
		return stanza:get_child_with_attr("stanza-id", "urn:xmpp:sid:0", "by", bare);
	end

	-- Before those that store it: mod_offline, or mod_mam for what is in the archive.
	module:hook("message/offline/handle", safely("offline", function (data)
		local stanza = data.stanza;
		if not is_content(stanza) then return; end
		if hosts[here].modules.offline then
			tell("offline", stanza, nil, " how='offline'");
		elseif is_archived(stanza, address(stanza.attr.to).bare) then
			tell("offline", stanza, nil, " how='archive'");
		end
	end), 10);

	-- What a session has never acknowledged. If its client fetches its messages from the archive, mod_smacks leaves them
	-- there and says no more.
	module:hook("delivery/failure", safely("unacked", function (data)
		local session, stanza = data.session, data.stanza;
		if not session.username or not is_content(stanza) then return; end
		tell("unacked", stanza, session.full_jid);
		local bare = session.username .. "@" .. session.host;
		if session.mam_requested and is_archived(stanza, bare) then
			tell("offline", stanza, bare, " how='archive'");
		end
	end), 10);

	-- Stanzas written to a session ------------------------------------------------

	-- The server's own errors go straight to the sender's session (blocked, no such user): no hook sees them.
	local function written(stanza, session)
		if stanza.name ~= "message" or session.type ~= "c2s" or session.host ~= here then return; end
		if stanza.attr.type == "error" then
			for data in pairs(under_way) do -- it was refused, not dropped
				local attr = data.stanza.attr;
				if attr.id == stanza.attr.id and attr.from == stanza.attr.to then under_way[data] = nil; end
			end
			if stanza[noted] == nil and not stanza:get_child("delay", "urn:xmpp:delay") then
				stanza[noted] = false;
				tell_message("bounce", stanza);
			end
		elseif not session.smacks and is_content(stanza) then
			tell("handed", stanza, session.full_jid);
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
