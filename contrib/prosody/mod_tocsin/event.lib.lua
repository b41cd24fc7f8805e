-- Formats the payloads of a message as urn:tocsin:tap:1 (docs/PROTOCOL.md §10). It is stateless. All it uses of Prosody
-- are stanzas, which it never changes.
-- luacheck: std lua54

local find, gsub, sub, byte = string.find, string.gsub, string.sub, string.byte;
local concat = table.concat;

local max_id = 1024; -- bytes; longer ids are ignored
local max_text = 16384; -- bytes of a body
local max_payloads = 64;
local max_event = 131072; -- bytes
local max_jid = 3071; -- bytes, RFC 7622 §3.1

local xmlns_stanzas = "urn:ietf:params:xml:ns:xmpp-stanzas";

local escapes = {
	["<"] = "&lt;", [">"] = "&gt;", ["&"] = "&amp;", ["'"] = "&apos;", ['"'] = "&quot;",
	["\t"] = "&#9;", ["\n"] = "&#10;", ["\r"] = "&#13;",
};

-- A search for one of several characters is slow. Most identifiers match a pattern that is quicker, and a search for a
-- single character is quick.
local function attribute(s)
	if find(s, "^[%w%-_.:@/]*$") or not find(s, "[<>&'\"\t\n\r]") then return s; end
	return (gsub(s, "[<>&'\"\t\n\r]", escapes));
end

local function text(s)
	if find(s, "<") or find(s, ">") or find(s, "&") or find(s, "\r") then return (gsub(s, "[<>&\r]", escapes)); end
	return s;
end

-- Returns the first max_text bytes of a text, cut between characters.
local function cut(s)
	if #s <= max_text then return s; end
	local last = max_text;
	while last > 0 and byte(s, last + 1) >= 0x80 and byte(s, last + 1) < 0xC0 do last = last - 1; end
	return sub(s, 1, last);
end

-- Invisible characters in UTF-8: ranges as patterns, and single ones.
local invisible = { "\194[\160\173]", "\226\128[\128-\143\168-\175]", "\226\129[\159-\164]" };
local rare_invisible = { "\205\143", "\225\160\142", "\227\128\128", "\239\184\143", "\239\187\191" };

local function is_blank(s)
	if find(s, "%w") then return false; end
	for _, pattern in ipairs(invisible) do s = gsub(s, pattern, ""); end
	for _, pattern in ipairs(rare_invisible) do s = gsub(s, pattern, ""); end
	return not find(s, "[^%s%z]");
end

-- The kind of a body whose text is not reported.
local function body_kind(s)
	if find(s, "^%?OTR") then
		-- A data message of version 1 to 3, or a fragment of one.
		return (find(s, "^%?OTR:AA[EIM]D") or find(s, "^%?OTR[,|]")) and "otr" or "otr-auto";
	end
	return is_blank(s) and "blank" or "text";
end

-- Payloads by namespace ("" for none of their own), then by name ([0] for any). An entry has a class and a format: a
-- constant (xml), an element with the id (id), or a function (write). Classes, in ascending order:
--   other     anything else that might be shown
--   evidence  refers to another message
--   content   text written by a person
--   never     the message is not reported
-- A message in which no payload has a class is not reported either. An entry may have a mark: "body"; "secret", if the
-- message's text must not be reported; or "reaction".

local function with_id(name)
	return { class = "evidence", id = "<" .. name .. " id='" };
end

local function constant(class, xml)
	return { class = class, xml = xml };
end

local function omemo(name)
	return { class = "content", mark = "secret", write = function (child)
		for _, tag in ipairs(child.tags) do
			if tag.name == "payload" then return "<" .. name .. " payload='1'/>"; end
		end
		return "<" .. name .. "/>";
	end };
end

local function attributes(name, child, names)
	local parts = { "<", name };
	for _, key in ipairs(names) do
		local value = child.attr[key];
		if value and #value <= max_id then
			parts[#parts + 1] = " " .. key .. "='" .. attribute(value) .. "'";
		end
	end
	parts[#parts + 1] = "/>";
	return concat(parts);
end

local function copied(class, name, ...)
	local names = { ... };
	return { class = class, write = function (child) return attributes(name, child, names); end };
end

-- The author's own delay is not reported. Of several others, one that marks a replay takes precedence.
local function bare(jid) return jid and (gsub(jid, "/.*", "")); end

local delay = { slot = "delay", write = function (child, stanza, wants, before)
	local from = bare(child.attr.from);
	if from and from == bare(stanza.attr.from) then return before; end
	local is_replay = from and (from == bare(stanza.attr.to) or wants.is_ours and wants.is_ours(from));
	if before and not is_replay then return before; end
	return attributes("dl", child, { "from", "stamp" });
end };

local never = { class = "never" };

local payloads = {
	[""] = {
		body = { class = "content", mark = "body" };
		subject = constant("other", "<su/>");
		thread = {};
		error = { class = "evidence", slot = "error", write = function (child)
			local condition, by = "undefined-condition", child.attr.by;
			for _, tag in ipairs(child.tags) do
				if tag.attr.xmlns == xmlns_stanzas and tag.name ~= "text" then condition = tag.name; end
			end
			return "<er type='" .. attribute(child.attr.type or "cancel") .. "' c='" .. attribute(condition)
				.. (by and #by <= max_jid and "' by='" .. attribute(by) or "") .. "'/>";
		end };
	};
	["urn:xmpp:receipts"] = { request = { xml = "<rq/>" }, received = with_id("rc") };
	["urn:xmpp:chat-markers:0"] = {
		markable = { xml = "<mk/>" }, received = with_id("mr"), displayed = with_id("md"), acknowledged = with_id("ma"),
	};
	["urn:xmpp:reply:0"] = { reply = copied("evidence", "re", "id", "to") };
	["urn:xmpp:reactions:0"] = { reactions = { class = "evidence", mark = "reaction", write = function (child)
		local id = child.attr.id;
		if not id or #id > max_id then return ""; end
		return "<rx id='" .. attribute(id) .. "' n='" .. #child.tags .. "'/>";
	end } };
	["urn:xmpp:message-correct:0"] = { replace = with_id("cr") };
	["urn:xmpp:message-retract:1"] = { retract = { class = "evidence", write = function (child)
		local id = child.attr.id;
		for _, tag in ipairs(child.tags) do
			if tag.name == "moderated" then return ""; end
		end
		return id and #id <= max_id and "<rt id='" .. attribute(id) .. "'/>" or "";
	end } };
	["urn:xmpp:fasten:0"] = { ["apply-to"] = { class = "evidence", write = function (child)
		local id = child.attr.id;
		for _, tag in ipairs(child.tags) do
			if id and #id <= max_id and tag.name == "retract" and tag.attr.xmlns == "urn:xmpp:message-retract:0" then
				return "<rt id='" .. attribute(id) .. "'/>";
			end
		end
		return "";
	end } };
	["urn:xmpp:fallback:0"] = { fallback = { write = function (child)
		local range = child.tags[1];
		local attr = range and range.name == "body" and range.attr or {};
		return "<fb" .. (child.attr["for"] and " for='" .. attribute(sub(child.attr["for"], 1, 256)) .. "'" or "")
			.. (attr.start and " start='" .. attribute(sub(attr.start, 1, 10)) .. "'" or "")
			.. (attr["end"] and " end='" .. attribute(sub(attr["end"], 1, 10)) .. "'" or "") .. "/>";
	end } };
	["eu.siacs.conversations.axolotl"] = { encrypted = omemo("om") };
	["urn:xmpp:omemo:1"] = { encrypted = omemo("om2") };
	["urn:xmpp:omemo:2"] = { encrypted = omemo("om2") };
	["urn:xmpp:openpgp:0"] = { openpgp = { class = "content", mark = "secret", xml = "<ox/>" } };
	["jabber:x:encrypted"] = { x = { class = "content", mark = "secret", xml = "<pg/>" } };
	["urn:xmpp:eme:0"] = { encryption = { class = "content", mark = "secret", write = function (child)
		return attributes("em", child, { "namespace" });
	end } };
	["urn:xmpp:sid:0"] = {
		["origin-id"] = { write = function (child, stanza)
			return child.attr.id ~= stanza.attr.id and attributes("oi", child, { "id" }) or "";
		end };
		["stanza-id"] = { write = function (child, stanza, wants)
			return wants.ids and child.attr.by == bare(stanza.attr.to) and attributes("si", child, { "id", "by" }) or "";
		end };
	};
	["urn:xmpp:delay"] = { delay = delay };
	["jabber:x:delay"] = { x = delay };
	["urn:xmpp:hints"] = { ["no-store"] = { xml = "<ns/>", mark = "secret" } };
	["urn:xmpp:jingle-message:0"] = { [0] = { class = "other", write = function (child)
		return "<jm n='" .. attribute(sub(child.name, 1, 32)) .. "'/>";
	end } };
	["urn:tocsin:escalation:0"] = { track = { write = function (child)
		local names = {};
		for key in pairs(child.attr) do
			if find(key, "^%l+$") and key ~= "xmlns" then names[#names + 1] = key; end
		end
		table.sort(names);
		return attributes("tr", child, names);
	end } };
	["http://jabber.org/protocol/shim"] = { headers = { write = function (child)
		for _, header in ipairs(child.tags) do
			if header.name == "header" and header.attr.name == "Urgency" then
				return "<ur v='" .. attribute(sub(header[1] or "", 1, 16)) .. "'/>";
			end
		end
		return "";
	end } };
	["urn:xmpp:forward:0"] = { forwarded = constant("other", "<fw/>") };
	-- Wrapped messages, group chat invitations, and PEP events.
	["urn:xmpp:carbons:2"] = { sent = never, received = never };
	["urn:xmpp:mam:2"] = { result = never, fin = never };
	["http://jabber.org/protocol/pubsub#event"] = { [0] = never };
	["http://jabber.org/protocol/muc#user"] = { x = never };
	-- Never displayed.
	["http://jabber.org/protocol/chatstates"] = { [0] = {} };
	["http://jabber.org/protocol/nick"] = { [0] = {} };
	["http://jabber.org/protocol/address"] = { [0] = {} };
	["http://jabber.org/protocol/caps"] = { [0] = {} };
};
local other, ignored = constant("other", "<x/>"), {};

local ranks = { other = 1, evidence = 2, content = 3, never = 4 };
other.rank, ignored.rank = ranks.other, 0;
for _, names in pairs(payloads) do
	for _, entry in pairs(names) do entry.rank = ranks[entry.class] or 0; end
end

-- What is not listed is displayed, perhaps, except in some namespaces.
local function default(entry)
	return { __index = function () return entry; end };
end
for _, xmlns in ipairs { "urn:xmpp:hints", "urn:xmpp:sid:0", "urn:xmpp:carbons:2", "urn:xmpp:fallback:0" } do
	payloads[xmlns][0] = ignored;
end
for _, names in pairs(payloads) do setmetatable(names, default(names[0] or other)); end
payloads["jabber:client"] = payloads[""];
setmetatable(payloads, default(setmetatable({}, default(other))));

-- Reports whether a message has content, that is, a body or a ciphertext, and would be reported.
local function is_content(stanza, wants)
	local highest, reacts, body = 0, false, false;
	for _, child in ipairs(stanza.tags) do
		local entry = payloads[child.attr.xmlns or ""][child.name];
		if entry.rank > highest then highest = entry.rank; end
		reacts, body = reacts or entry.mark == "reaction", body or entry.mark == "body";
	end
	return highest == ranks.content and (body or not reacts or wants.reactions);
end

-- Writes the payloads of a message to pieces; the first n stay free for the caller. Returns the class of the message,
-- the index of the first and of the last piece, and the number of elements of the event; nothing if the message is not
-- reported. wants.text: include texts; wants.ids: include stanza-ids; wants.reactions: report messages that contain
-- only reactions.
--
-- Pieces are not concatenated here: Prosody collects garbage eagerly, so temporary strings are expensive. But each
-- piece takes time, so there are few.
local function describe(stanza, wants, pieces, n)
	local class, highest, reacts, hidden, body = nil, 0, false, not wants.text or stanza.attr.type == "error", nil;
	local first, elements = n + 4, 1; -- the body's three pieces come first
	local slots; -- index in pieces of payloads that are reported once
	n = n + 3;
	local tags = stanza.tags;
	for i = 1, #tags do
		local child = tags[i];
		local attr = child.attr;
		local entry = payloads[attr.xmlns or ""][child.name];
		local rank, mark, xml = entry.rank, entry.mark, entry.xml;
		if rank > highest then class, highest = entry.class, rank; end
		if mark then
			body = body or mark == "body" and child;
			hidden, reacts = hidden or mark == "secret", reacts or mark == "reaction";
		end
		if not xml and elements <= max_payloads then
			if entry.id then
				local id = attr.id;
				if id and #id <= max_id then
					pieces[n + 1], pieces[n + 2], xml = entry.id, attribute(id), "'/>";
					n = n + 2;
				end
			elseif entry.slot then
				slots = slots or {};
				local slot = slots[entry.slot];
				xml = entry.write(child, stanza, wants, slot and pieces[slot]);
				if slot then
					pieces[slot], xml = xml, nil;
				elseif xml then
					slots[entry.slot] = n + 1;
				end
			elseif entry.write then
				xml = entry.write(child, stanza, wants);
			end
		end
		if xml and xml ~= "" and elements <= max_payloads then
			n, elements = n + 1, elements + 1;
			pieces[n] = xml;
		end
	end
	if not class or class == "never" or reacts and not body and not wants.reactions then return; end
	if body then
		local words = body[1] or "";
		if #body > 1 then words = body:get_text(); end
		local written = not hidden and text(cut(words));
		local length = written and #written or 0;
		for i = first, written and n or 0 do length = length + #pieces[i]; end
		first = first - 3;
		if not written or length + 64 > max_event then
			pieces[first], pieces[first + 1], pieces[first + 2] = "<body is='", body_kind(words), "'/>";
		else
			local lang = body.attr["xml:lang"];
			local other_lang = lang and lang ~= stanza.attr["xml:lang"] and #lang <= 35;
			pieces[first] = other_lang and "<body xml:lang='" .. attribute(lang) .. "'>" or "<body>";
			pieces[first + 1], pieces[first + 2] = written, "</body>";
		end
	end
	return class, first, n, elements;
end

return { attribute = attribute, describe = describe, is_content = is_content, max_id = max_id, max_event = max_event };
