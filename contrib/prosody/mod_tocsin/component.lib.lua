-- mod_tocsin on the component's own host: loads the module on the VirtualHosts that the component serves.
--
--   Component "tocsin.example.org"
--       component_secret = "…"
--       modules_enabled = { "tocsin" }
--       tocsin_domains = { "example.org" }
--
-- That way everything about Tocsin is in one place, and no list of a VirtualHost has to be edited: a second
-- modules_enabled or disco_items for the same host would replace the first one.
-- luacheck: std lua54, globals module prosody

local configmanager = require "core.configmanager";
local modulemanager = require "core.modulemanager";

local component = module.host;

-- Whether mod_disco lists the component among the items of a host by itself.
local function is_below(domain)
	return component:sub(-#domain - 1) == "." .. domain;
end

local listed = {}; -- the hosts' events, by which it is listed

local function list(domain)
	local host = prosody.hosts[domain];
	if is_below(domain) or listed[domain] == host.events then return; end
	listed[domain] = host.events;
	module:context(domain):hook("host-disco-items", function (event)
		event.reply:tag("item", { jid = component, name = module:get_option_string("name") }):up();
	end);
end

local function serve(domain)
	if not prosody.hosts[domain] then return; end
	list(domain);
	if configmanager.get(domain, "tocsin_component") == nil then
		configmanager.set(domain, "tocsin_component", component);
	end
	if not modulemanager.is_loaded(domain, "tocsin") then
		local ok, err = modulemanager.load(domain, "tocsin");
		if not ok then module:log("error", "mod_tocsin could not be loaded on %s: %s", domain, err); end
	end
end

return function ()
	local domains = module:get_option_set("tocsin_domains", {});
	if domains:empty() then
		error('tocsin_domains has to list the VirtualHosts of your users, as in: tocsin_domains = { "example.org" }', 0);
	end
	for domain in domains do serve(domain); end
	module:hook_global("host-activated", function (domain)
		if domains:contains(domain) then serve(domain); end
	end);
	module:hook_global("config-reloaded", function () -- what was set above is gone
		for domain in domains do serve(domain); end
	end);
	module:add_timer(0, function () -- once all hosts are there
		for domain in domains do
			if not prosody.hosts[domain] then
				module:log("warn", 'tocsin_domains has "%s", which is no host here: nothing is told of its users', domain);
			end
		end
	end);
end
