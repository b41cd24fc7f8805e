-- Common start of the tests: finds Prosody's and the module's libraries, and defines checks.
-- luacheck: std lua54, globals module

local prosody = os.getenv("PROSODY_LIBRARIES") or "/usr/lib/prosody";
for _, folder in ipairs { prosody, prosody .. "/.." } do -- "util.stanza"; since 13 also "prosody.util.stanza"
	package.path = folder .. "/?.lua;" .. package.path;
	package.cpath = folder .. "/?.so;" .. package.cpath;
end

local test = { failed = 0 };

function test.library(name)
	return dofile("mod_tocsin/" .. name .. ".lib.lua");
end

function test.equal(what, got, want)
	if got ~= want then
		test.failed = test.failed + 1;
		io.stderr:write(("%s is %s, want %s\n"):format(what, tostring(got), tostring(want)));
	end
end

function test.below(what, got, limit)
	if got >= limit then
		test.failed = test.failed + 1;
		io.stderr:write(("%s is %s, want less than %s\n"):format(what, got, limit));
	end
end

function test.done()
	os.exit(test.failed == 0 and 0 or 1);
end

return test;
