-- Reports sessions of this host, their clients' acknowledgements and presence, roster changes, and deleted accounts.
-- luacheck: std lua54, globals module prosody

local jid = require "util.jid";
local filters = require "util.filters";
local add_task = require "util.timer".add_task;

local hosts = prosody.hosts;
local xmlns_caps = "http://jabber.org/protocol/caps";
local xmlns_mds = "urn:xmpp:mds:displayed:0";

-- Sessions reported at a time, before Prosody's main loop gets its turn.
local slice = 300;

return function (tap)
	local outbox, safely, here, addresses = tap.outbox, tap.safely, tap.here, tap.addresses;
	local attribute = tap.event.attribute;

	local function each_session(visit)
		for _, user in pairs(hosts[here].sessions or {}) do
			for _, session in pairs(user.sessions) do visit(session); end
		end
	end

	-- Sessions -------------------------------------------------------------------

	local function session_attributes(session)
		if not session.tocsin_key then session.tocsin_key = tap.next_key(); end
		return " s='" .. addresses[session.full_jid].xml .. "' k='" .. session.tocsin_key .. "'";
	end

	local function report(name, session, more)
		if tap.is_up() then outbox.add(name, session_attributes(session) .. (more or "") .. "/>"); end
	end

	local function can_resume(session)
		return session.resumption_token and " r='1'" or "";
	end

	-- Stream management is enabled on the session and was not reported yet.
	function tap.managed(session)
		session.tocsin_managed = true;
		report("managed", session, can_resume(session));
	end

	local function caps(presence)
		local c = presence:get_child("c", xmlns_caps);
		local xml = "";
		for _, key in ipairs(c and { "node", "ver", "hash" } or {}) do
			local value = c.attr[key];
			if value and #value <= 1024 then xml = xml .. " " .. key .. "='" .. attribute(value) .. "'"; end
		end
		return xml;
	end

	local function shown(presence)
		local show, priority = presence:get_child_text("show"), presence:get_child_text("priority");
		return (show and #show <= 16 and " show='" .. attribute(show) .. "'" or "")
			.. (tonumber(priority) and tonumber(priority) ~= 0 and (" prio='%d'"):format(tonumber(priority) // 1) or "")
			.. caps(presence);
	end

	module:hook("resource-bind", safely("opened", function (data)
		data.session.tocsin_key = nil;
		report("opened", data.session);
	end), -1);

	module:hook("smacks-hibernation-start", safely("hibernating", function (data)
		if not data.origin.tocsin_managed then tap.managed(data.origin); end
		report("hibernating", data.origin);
	end));

	module:hook("smacks-hibernation-end", safely("resumed", function (data)
		local session = data.resumed;
		if not session then return; end
		tap.watch(session); -- it now has the filters of the new connection
		report("resumed", session);
	end));

	module:hook("pre-session-close", safely("closed", function (data)
		local session, reason = data.session, data.reason;
		if reason == false then -- closed by its client
			session.tocsin_why = "left";
		else
			session.tocsin_why = type(reason) == "table" and reason.condition == "conflict" and "replaced" or "kicked";
		end
	end));

	-- After mod_presence has reported the session as unavailable.
	module:hook("resource-unbind", safely("closed", function (data)
		local session = data.session;
		local why = session.tocsin_why or data.error == "Hibernating too long" and "timeout" or "lost";
		report("closed", session, " why='" .. why .. "'");
	end), -1);

	-- Stream management ----------------------------------------------------------

	-- mod_smacks has no event for acknowledgements, so its queue is read before mod_smacks shortens it. Reports the
	-- messages that h acknowledges, oldest first; none if the queue's type is unknown or h is invalid.
	local function acknowledged(session, h)
		local queue = session.outgoing_stanza_queue;
		if not session.smacks or type(queue) ~= "table" or not h or not queue.count_acked then return; end
		local unacked = queue:count_unacked();
		local new = h - queue:count_acked();
		if new <= 0 or new > unacked then return; end
		local items = queue:table(); -- the oldest may be missing
		for i = 1, #items - (unacked - new) do
			if tap.is_content(items[i]) then tap.report("acked", items[i], session.full_jid); end
		end
	end

	-- A resumption also acknowledges.
	local function resuming(session, request)
		local previd = request.attr.previd;
		local resumable = module:shared("/*/smacks/resumption-tokens");
		local old = session.username and previd and resumable[jid.join(session.username, here, previd)];
		if old and not session.full_jid then acknowledged(old, tonumber(request.attr.h)); end
	end

	if tap.reports_acks then
		local on_ack = safely("acked", function (data)
			acknowledged(data.origin, tonumber(data.stanza.attr.h));
		end);
		local on_resume = safely("acked", function (data) resuming(data.origin, data.stanza); end);
		for _, xmlns in ipairs { "urn:xmpp:sm:2", "urn:xmpp:sm:3" } do
			module:hook("stanza/" .. xmlns .. ":a", on_ack, 1);
			module:hook("stanza/" .. xmlns .. ":resume", on_resume, 1);
		end
		-- A resumption within SASL2 (XEP-0388) fires no stanza event; mod_sasl2_sm handles it at 110.
		module:hook("sasl2/c2s/success", safely("acked", function (data)
			local request = data.session.sasl2_sm_request;
			if request and request.name == "resume" then resuming(data.session, request); end
		end), 110.5);
	end

	-- Presence -------------------------------------------------------------------

	-- mod_presence sends all presence through this event, also that of sessions that end, which is skipped.
	module:hook("presence/bare", safely("presence", function (data)
		local session, presence = data.origin, data.stanza;
		if presence.attr.to or not session.full_jid or session.host ~= here or session.destroyed then return; end
		if not tap.wants.presence then return; end
		if presence.attr.type == "unavailable" then
			report("presence", session, " y='unavailable'");
		elseif not presence.attr.type then
			report("presence", session, shown(presence));
		end
	end), 0.5);

	-- Rosters --------------------------------------------------------------------

	-- Prosody has no event for roster changes: the standing is reported after anything that may have changed it.
	local changing = {};
	local report_changed = safely("roster", function ()
		local list = changing;
		changing = {};
		for _, pair in pairs(list) do
			local standing = tap.standing(pair.contact, pair.owner);
			if standing then
				outbox.add("roster", " o='" .. pair.owner.xml .. "' j='" .. pair.contact.xml .. "' ro='" .. standing .. "'/>");
			end
		end
	end);
	local function may_change(owner, contact)
		owner, contact = addresses[owner], addresses[contact];
		if not owner.user or not contact.user then return; end
		if not next(changing) then add_task(0, function () report_changed(); end); end
		changing[owner.bare .. " " .. contact.bare] = { owner = owner, contact = contact };
	end

	local subscriptions = { subscribe = true, subscribed = true, unsubscribe = true, unsubscribed = true };
	module:hook("pre-presence/bare", safely("roster", function (data)
		local attr = data.stanza.attr;
		if subscriptions[attr.type] then may_change(jid.bare(attr.from), jid.bare(attr.to)); end
	end), 1);
	module:hook("presence/bare", safely("roster", function (data)
		local attr = data.stanza.attr;
		if subscriptions[attr.type] and attr.to then may_change(jid.bare(attr.to), jid.bare(attr.from)); end
	end), 1);
	module:hook("roster-item-removed", safely("roster", function (data)
		may_change(data.username .. "@" .. here, data.jid);
	end));

	-- Accounts -------------------------------------------------------------------

	module:hook_global("user-deleted", safely("removed", function (data)
		if data.host ~= here then return; end
		outbox.add("removed", " j='" .. attribute(data.username .. "@" .. here) .. "'/>");
	end));

	-- Synchronized displayed markers (XEP-0490). Reported only if the component asks for them.
	local on_displayed = safely("mds", function (data)
		if not tap.wants.mds or not data.item then return; end
		local with, owner = jid.prep(data.id or ""), jid.bare(data.actor or "");
		local displayed = data.item:get_child("displayed", xmlns_mds);
		local id = displayed and displayed:get_child("stanza-id", "urn:xmpp:sid:0");
		if not with or not owner or not id or not id.attr.id or #id.attr.id > tap.event.max_id then return; end
		outbox.add("mds", " o='" .. addresses[owner].xml .. "' with='" .. attribute(with) .. "' id='" .. attribute(id.attr.id)
			.. "' by='" .. attribute(id.attr.by or "") .. "'/>");
	end);
	module:handle_items("pep-service", function (data)
		local service = data.item.service;
		if service and service.events then service.events.add_handler("item-published/" .. xmlns_mds, on_displayed); end
	end, function (data)
		local service = data.item.service;
		if service and service.events then service.events.remove_handler("item-published/" .. xmlns_mds, on_displayed); end
	end);

	-- All sessions ----------------------------------------------------------------

	local function report_here(session)
		if not tap.still_there(session) then return; end
		session.tocsin_managed = session.smacks and true or nil;
		local presence = tap.wants.presence and session.presence;
		report("here", session, (session.smacks and " sm='1'" .. can_resume(session) or "")
			.. (session.hibernating and " hib='1'" or "") .. (presence and " p='1'" .. shown(presence) or ""));
	end

	local reporting; -- sessions still to be reported
	local report_slice = safely("here", function ()
		local list = reporting;
		if not list or not tap.is_up() then return; end
		for _ = 1, slice do
			local session = table.remove(list);
			if not session then return; end
			report_here(session);
		end
		add_task(0.001, tap.report_slice);
	end);
	function tap.report_slice() report_slice(); end

	local function tell_all()
		local list = {};
		each_session(function (session)
			if session.full_jid then list[#list + 1] = session; end
		end);
		reporting = list;
		report_slice();
	end

	each_session(tap.watch);

	return {
		tell_all = tell_all;
		unload = function ()
			filters.remove_filter_hook(tap.watch);
			each_session(tap.unwatch);
		end;
	};
end
