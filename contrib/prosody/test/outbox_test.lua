-- Tests batches: numbering, resending, dropping, and memory.
-- luacheck: std lua54, ignore 631

local test = dofile("test/start.lua");
local outbox = test.library("outbox");

-- An outbox with a fake component and a clock that is advanced by hand.
local function world(max_events, max_bytes)
	local w = { sent = {}, now = 100, timers = {}, open = true };
	w.state = outbox.new_state("run");
	w.outbox = outbox.new(w.state, {
		send = function (text)
			if not w.open then return false; end
			w.sent[#w.sent + 1] = text;
			return true;
		end;
		clock = function () return w.now; end;
		time = function () return 1700000000; end;
		after = function (seconds, fn) w.timers[#w.timers + 1] = { w.now + seconds, fn }; end;
		envelope = function () return "<message>", "</message>"; end;
		max_events = max_events or 100000;
		max_bytes = max_bytes or 64 * 1024 * 1024;
		max_event = 131072;
	});
	function w.step(seconds)
		w.now = w.now + seconds;
		local due = w.timers;
		w.timers = {};
		for _, timer in ipairs(due) do
			if timer[1] <= w.now then timer[2](); else w.timers[#w.timers + 1] = timer; end
		end
	end
	function w.add(n, rest)
		for _ = 1, n do w.outbox.add("out", rest or " i='1'/>"); end
	end
	function w.numbers()
		local numbers = {};
		for i, text in ipairs(w.sent) do numbers[i] = text:match(" n='(%d+)'"); end
		w.sent = {};
		return table.concat(numbers, " ");
	end
	return w;
end

do -- An event is sent at once after a pause; then others gather for a moment.
	local w = world();
	w.outbox.connected();
	w.add(1);
	w.step(0);
	test.equal("after a pause", w.numbers(), "1");
	w.add(1);
	w.step(0.045);
	test.equal("just after a batch", w.numbers(), "");
	w.add(1);
	w.step(0.006);
	test.equal("in time", w.numbers(), "2");
	w.step(0.06);
	w.add(1);
	w.step(0);
	test.equal("after another pause", w.numbers(), "3");
end

do -- A batch is sent when it is full, or after a short delay.
	local w = world();
	w.outbox.connected();
	w.add(400);
	test.equal("a full batch", w.numbers(), "1");
	w.add(2);
	test.equal("one that is not", w.numbers(), "");
	w.now = w.now + 0.0461;
	w.add(1);
	w.step(0.0041);
	test.equal("and after a while", #w.sent, 1);
	test.equal("its age", w.sent[1]:match(" age='(%d+)'"), "50");
	test.equal("its last event's time", w.sent[1]:match(".* d='(%d+)'"), "46");
	w.sent = {};
	w.outbox.add_pieces("out", { "unused", " i='1'", "/>" }, 2, 3, 1000);
	test.equal("one of many elements", w.numbers(), "3");
	w.add(3, (" "):rep(20000));
	test.equal("one of many bytes", w.numbers(), "4");
	w.add(1, (" "):rep(20000));
	w.now = w.now + 0.006;
	w.add(1, (" "):rep(20000));
	test.equal("an event that does not fit any more", w.numbers(), "5");
	w.step(0.05);
	test.equal("is the first of the next batch", w.sent[1]:find(" d='"), nil);
	w.sent = {};
	w.add(1);
	w.outbox.add("out", ("x"):rep(131072));
	test.equal("an event that is too large", w.state.lost, 1);
	w.step(0.05);
	test.equal("is not part of a batch", w.sent[1]:find("xxx"), nil);
end

do -- Unacknowledged batches are resent with the same numbers and a larger age.
	local w = world();
	w.outbox.connected();
	w.add(1200);
	local third = w.sent[3];
	test.equal("sent", w.numbers(), "1 2 3");
	test.equal("acknowledged", w.outbox.acknowledge("run", 2), true);
	w.outbox.disconnected();
	w.add(600);
	w.now = w.now + 60;
	w.outbox.connected();
	test.equal("its age", w.sent[1]:match(" age='(%d+)'"), "60000");
	test.equal("otherwise the same", (w.sent[1]:gsub(" age='60000'", "")), third);
	test.equal("resent, and newer ones", w.numbers(), "3 4 5");
	for _, wrong in ipairs { { "other", 3 }, { "run", 6 }, { "run", 0 }, { "run", 2.5 }, { "run", 0 / 0 }, { "run", nil }, { "run", -1 } } do
		test.equal("an invalid acknowledgement", w.outbox.acknowledge(wrong[1], wrong[2]), false);
	end
	test.equal("an old acknowledgement", w.outbox.acknowledge("run", 1), true);
	test.equal("the last acknowledgement", w.outbox.acknowledge("run", 5), true);
	test.equal("what is kept", w.state.kept + w.state.bytes + w.state.flying + w.state.flying_bytes, 0);
end

do -- The number of batches in flight is limited; the rest waits for acknowledgements.
	local w = world(200000);
	w.outbox.connected();
	w.add(400 * 300);
	for _ = 1, 100 do w.step(0.001); end
	test.equal("in flight", #w.sent, 256);
	w.outbox.acknowledge("run", 10);
	for _ = 1, 100 do w.step(0.001); end
	test.equal("after an acknowledgement", #w.sent, 266);
	w.open = false;
	w.outbox.acknowledge("run", 266);
	test.equal("when the stream breaks", w.state.up, false);
end

do -- The oldest batches are dropped first and counted, and numbers are not reused.
	local w = world(1200);
	w.add(2000);
	w.outbox.connected();
	test.equal("what is left", w.numbers(), "3 4 5");
	test.equal("what is lost", w.state.lost, 800);
	w.outbox.acknowledge("run", 5);
	w.add(400);
	test.equal("reported loss", w.sent[1]:match(" lost='(%d+)'"), "800");

	w = world(1400);
	w.outbox.connected();
	w.add(800);
	w.numbers();
	w.open = false;
	w.add(4000);
	w.outbox.disconnected();
	w.open = true;
	w.outbox.connected();
	test.equal("when the stream broke meanwhile", w.numbers(), "10 11 12");

	w = world(150);
	w.add(200);
	test.equal("what is lost when there is little room", w.state.lost, 50);

	w = world(1400);
	w.outbox.connected();
	w.add(4000); -- without acknowledgements
	test.equal("batches in flight are not dropped", w.numbers(), "1 2 3");
end

do -- The limit is on memory: a full backlog of 64 MiB takes little more, whatever the size of its events.
	for what, size in pairs { ["small events"] = 100, ["events of usual size"] = 300, ["the largest events"] = 100000 } do
		local w = world(1e9);
		collectgarbage(); collectgarbage();
		local before = collectgarbage("count");
		local n = 0;
		repeat
			w.add(1, (" i='%d' "):format(n) .. ("x"):rep(size));
			n = n + 1;
			if n % 40 == 0 and size < 1000 then w.outbox.flush(); end -- some batches are not full
		until w.state.lost > 0;
		collectgarbage(); collectgarbage();
		local mib = (collectgarbage("count") - before) / 1024;
		test.below(what .. ": MiB of a backlog of 64 MiB", mib, 64 * 1.15);
		io.stdout:write(("%s: a full backlog of 64 MiB takes %.1f MiB\n"):format(what, mib));

		-- Sending it never blocks the server for long.
		local longest = 0;
		local function timed(fn)
			local start = os.clock();
			fn();
			longest = math.max(longest, os.clock() - start);
		end
		timed(w.outbox.connected);
		for _ = 1, 100000 do
			if w.state.acked >= w.state.last then break; end
			timed(function () w.step(0.001); end);
			local sent = w.state.sent;
			w.sent = {};
			timed(function () w.outbox.acknowledge("run", sent); end);
		end
		test.equal(what .. ": sent", w.state.acked, w.state.last);
		test.below(what .. ": milliseconds of the longest stop", longest * 1000, 50);
		io.stdout:write(("%s: the longest stop while it is sent is %.1f ms\n"):format(what, longest * 1000));
	end
end

test.done();
