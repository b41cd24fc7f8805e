-- mod_tocsin on the component's own host: loads the module on the VirtualHosts of tocsin_domains.
--
--   Component "tocsin.example.org"
--       component_secret = "…"
--       modules_enabled = { "tocsin" }
--       tocsin_domains = { "example.org" }
--
-- This keeps Tocsin's configuration in one place: nobody has to edit lists of a VirtualHost, where a second
-- modules_enabled or disco_items would replace the first.
-- luacheck: std lua54, globals module prosody

local configmanager = require "core.configmanager";
local modulemanager = require "core.modulemanager";

local component = module.host;

-- Whether mod_disco lists the component among the host's items anyway.
local function is_below(domain)
	return component:sub(-#domain - 1) == "." .. domain;
end

local listed = {}; -- by host: the events table that has the hook (a reactivated host gets a new one)

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
		if not ok then module:log("error", "could not load mod_tocsin on %s: %s", domain, err); end
	end
end

return function ()
	local domains = module:get_option_set("tocsin_domains", {});
	if domains:empty() then
		error('tocsin_domains must list the VirtualHosts of your users (example: tocsin_domains = { "example.org" })', 0);
	end
	for domain in domains do serve(domain); end
	module:hook_global("host-activated", function (domain)
		if domains:contains(domain) then serve(domain); end
	end);
	module:hook_global("config-reloaded", function () -- this discards what serve has set
		for domain in domains do serve(domain); end
	end);
	module:add_timer(0, function () -- once all hosts are activated
		for domain in domains do
			if not prosody.hosts[domain] then
				module:log("warn", 'tocsin_domains: no host "%s" on this server, so its users are not served', domain);
			end
		end
	end);
end
