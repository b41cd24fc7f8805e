-- Tests how messages are formatted as events, and the limits.
-- luacheck: std lua54, ignore 631

local test = dofile("test/start.lua");
local event = test.library("event");
local st = require "util.stanza";

local all = { text = true, reactions = true };
local none = {};

local function message(body)
	return st.message({ from = "alice@example.org/phone", to = "bob@example.org", type = "chat", id = "m1" }, body);
end

local function describe(stanza, wants)
	local pieces = { "earlier text" };
	local class, first, last, elements = event.describe(stanza, wants, pieces, 1);
	test.equal("text before", pieces[1], "earlier text");
	return class, class and table.concat(pieces, "", first, last), elements;
end

local function expect(what, stanza, wants, want_class, want)
	local class, payloads = describe(stanza, wants);
	test.equal(what .. ": class", class, want_class);
	if want then test.equal(what, payloads, want); end
end

expect("nothing", message(), all, nil);
expect("a text", message("a < b & \"c\"\r"), all, "content", "<body>a &lt; b &amp; \"c\"&#13;</body>");
expect("a text that is not wanted", message("hello"), none, "content", "<body is='text'/>");
expect("a text that must not be kept", message("x"):tag("no-store", { xmlns = "urn:xmpp:hints" }):up(), all, "content", "<body is='text'/><ns/>");
for body, is in pairs {
	[""] = "blank", [" \t\n"] = "blank", ["\226\128\139\226\128\141"] = "blank", ["\239\187\191"] = "blank", ["\194\160"] = "blank",
	["\240\159\145\141"] = "text", ["."] = "text", ["?OTR:AAMDx."] = "otr", ["?OTR,1,2,x,"] = "otr", ["?OTRv3?"] = "otr-auto",
	["?OTR Error: x"] = "otr-auto", ["?OTR:AAMKx."] = "otr-auto",
} do
	expect(("the body %q"):format(body), message(body), none, "content", "<body is='" .. is .. "'/>");
end

for character, escaped in pairs {
	["<"] = "&lt;", [">"] = "&gt;", ["&"] = "&amp;", ["'"] = "&apos;", ['"'] = "&quot;",
	["\t"] = "&#9;", ["\n"] = "&#10;", ["\r"] = "&#13;",
} do
	for _, around in ipairs { "", "a", "a-b_c.d:e@f/g", "#", "\228\184\128" } do
		test.equal("an attribute with " .. escaped, event.attribute(around .. character .. around), around .. escaped .. around);
	end
	local in_text = ("'\"\t\n"):find(character, 1, true) and character or escaped;
	expect("a text with " .. escaped, message("a" .. character .. "b"), all, "content", "<body>a" .. in_text .. "b</body>");
end
test.equal("an attribute without", event.attribute("a+b \228\184\128"), "a+b \228\184\128");

local function with(name, attr)
	return message():tag(name, attr):up();
end
expect("a receipt", with("received", { xmlns = "urn:xmpp:receipts", id = "a'1\n" }), all, "evidence", "<rc id='a&apos;1&#10;'/>");
expect("a request alone", with("request", { xmlns = "urn:xmpp:receipts" }), all, nil);
expect("typing", with("composing", { xmlns = "http://jabber.org/protocol/chatstates" }), all, nil);
expect("something new", with("x", { xmlns = "urn:example" }), all, "other", "<x/>");
expect("a carbon", message("x"):tag("sent", { xmlns = "urn:xmpp:carbons:2" }):up(), all, nil);
for _, wants in ipairs { all, none } do -- what is_content says agrees with describe
	for what, stanza in pairs {
		["a text"] = message("x"),
		["a ciphertext"] = with("encrypted", { xmlns = "urn:xmpp:omemo:2" }),
		["a receipt"] = with("received", { xmlns = "urn:xmpp:receipts", id = "a1" }),
		["typing"] = with("composing", { xmlns = "http://jabber.org/protocol/chatstates" }),
		["something new"] = with("x", { xmlns = "urn:example" }),
		["a carbon"] = message("x"):tag("sent", { xmlns = "urn:xmpp:carbons:2" }):up(),
		["a reaction"] = with("reactions", { xmlns = "urn:xmpp:reactions:0", id = "a1" }),
		["a reaction with a text"] = message("x"):tag("reactions", { xmlns = "urn:xmpp:reactions:0", id = "a1" }):up(),
		["an encrypted reaction"] = with("reactions", { xmlns = "urn:xmpp:reactions:0", id = "a1" })
			:tag("encrypted", { xmlns = "urn:xmpp:omemo:2" }):up(),
	} do
		test.equal(what .. " is content", not not event.is_content(stanza, wants), describe(stanza, wants) == "content");
	end
end
expect("a reaction", with("reactions", { xmlns = "urn:xmpp:reactions:0", id = "a1" }), all, "evidence", "<rx id='a1' n='0'/>");
expect("a reaction that is not wanted", with("reactions", { xmlns = "urn:xmpp:reactions:0", id = "a1" }), none, nil);
expect("an origin-id like the id", message("x"):tag("origin-id", { xmlns = "urn:xmpp:sid:0", id = "m1" }):up(), all, "content", "<body>x</body>");
expect("another origin-id", message("x"):tag("origin-id", { xmlns = "urn:xmpp:sid:0", id = "o1" }):up(), all, "content",
	"<body>x</body><oi id='o1'/>");
expect("OMEMO", message("placeholder"):tag("encrypted", { xmlns = "eu.siacs.conversations.axolotl" }):tag("payload"):up():up(), all,
	"content", "<body is='text'/><om payload='1'/>");
expect("a hint", message("x"):tag("track", { xmlns = "urn:tocsin:escalation:0", ["until"] = "displayed", timeout = "60" }):up(), all,
	"content", "<body>x</body><tr timeout='60' until='displayed'/>");
expect("of several errors the last", st.message({ from = "bob@example.org", to = "alice@example.org", type = "error", id = "m1" })
	:tag("error", { type = "wait" }):tag("gone", { xmlns = "urn:ietf:params:xml:ns:xmpp-stanzas" }):up():up()
	:tag("error", { type = "cancel" }):tag("forbidden", { xmlns = "urn:ietf:params:xml:ns:xmpp-stanzas" }):up():up(), all,
	"evidence", "<er type='cancel' c='forbidden'/>");

expect("the text in an error", st.message({ from = "bob@example.org", to = "alice@example.org", type = "error", id = "m1" }, "hello")
	:tag("error", { type = "cancel" }):tag("forbidden", { xmlns = "urn:ietf:params:xml:ns:xmpp-stanzas" }):up():up(), all,
	"content", "<body is='text'/><er type='cancel' c='forbidden'/>");

local function archived(wants)
	local stanza = message("x");
	for _, by in ipairs { "alice@example.org", "bob@example.org" } do
		stanza:tag("stanza-id", { xmlns = "urn:xmpp:sid:0", id = "s1", by = by }):up();
	end
	expect("ids of archives", stanza, { text = true, ids = wants }, "content",
		"<body>x</body>" .. (wants and "<si id='s1' by='bob@example.org'/>" or ""));
end
archived(true);
archived(false);

local function delayed(...)
	local stanza = message("x");
	for _, from in ipairs { ... } do
		stanza:tag("delay", { xmlns = "urn:xmpp:delay", from = from, stamp = "2026-11-24T00:00:00Z" }):up();
	end
	return stanza;
end
local ours = { text = true, is_ours = function (domain) return domain == "example.org"; end };
local function late(from) return "<body>x</body><dl from='" .. from .. "' stamp='2026-11-24T00:00:00Z'/>"; end
expect("the author's own delay", delayed("alice@example.org"), ours, "content", "<body>x</body>");
expect("a gateway's delay", delayed("gateway.example"), ours, "content", late("gateway.example"));
expect("of several that of a replay", delayed("gateway.example", "example.org"), ours, "content", late("example.org"));
expect("wherever it stands", delayed("bob@example.org", "gateway.example"), ours, "content", late("bob@example.org"));

-- Limits.
local stanza = message("hi");
for _ = 1, 62000 do stanza:tag("a", { xmlns = "urn:example" }):up(); end
local _, payloads, elements = describe(stanza, all);
test.equal("elements of a stanza of 62,000 children", elements, 65);
test.below("bytes of a stanza of 62,000 children", #payloads, 1000);
_, payloads = describe(with("received", { xmlns = "urn:xmpp:receipts", id = ("x"):rep(1025) }), all);
test.equal("an id that is too long", payloads, "");
for _, character in ipairs { "x", "\195\164", "\226\130\172", "\240\159\145\141" } do
	_, payloads = describe(message(character:rep(200000)), all);
	local text = payloads:match("^<body>(.*)</body>$");
	test.equal("bytes of a long text, but for part of a character", #text, 16384 - 16384 % #character);
	test.equal("characters of a long text", utf8.len(text), 16384 // #character);
end
stanza = message(("<"):rep(16384));
for i = 1, 64 do stanza:tag("received", { xmlns = "urn:xmpp:receipts", id = ("'"):rep(1000) .. i }):up(); end
_, payloads = describe(stanza, all);
test.equal("the text of an event that would be too large", payloads:match("^<body[^>]*>"), "<body is='text'/>");

test.done();
