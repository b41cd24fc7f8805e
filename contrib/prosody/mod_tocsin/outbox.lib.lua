-- Events on their way to the component: collected into numbered batches, kept until acknowledged, resent after a lost
-- connection, the oldest dropped when there is no more room (docs/PROTOCOL.md §10). Knows nothing about Prosody: what
-- it needs is passed in as functions, so that it can be tested without.
-- luacheck: std lua54

local concat, move, format = table.concat, table.move, string.format;
local floor, max, min = math.floor, math.max, math.min;

-- A batch is closed at this size, or this long after its first event.
local batch_events = 100;
local batch_elements = 1000;
local batch_bytes = 48 * 1024;
local batch_wait = 0.01; -- seconds

-- Limit of what was sent and not acknowledged yet.
local window_batches = 256;
local window_bytes = 4 * 1024 * 1024;

-- Limit of what is sent at a time before the server continues. Acknowledgements make room for more.
local slice_batches = 16;
local slice_wait = 0.001;

-- Memory of a batch besides its text: its table, its slot, the string's header.
local overhead = 256;

-- What is written again and again is made once.
local opening = setmetatable({}, { __index = function (known, name)
	known[name] = "<" .. name;
	return known[name];
end });
local since = setmetatable({}, { __index = function (known, milliseconds)
	local text = format(" d='%d'", milliseconds);
	if milliseconds <= 1000 then known[milliseconds] = text; end
	return text;
end });

-- State that survives a reload of the module.
local function new_state(run)
	return {
		run = run;
		batches = {}; -- by number; those that were given up or acknowledged are not there any more
		last = 0; -- the newest number
		sent = 0; -- the newest number that was sent on this connection
		acked = 0; -- up to here the component has all
		kept = 0; -- events, and bytes, of batches
		bytes = 0;
		flying = 0; -- batches that were sent and are not acknowledged, and their bytes
		flying_bytes = 0;
		lost = 0; -- events that were given up
		lost_up_to = 0; -- the newest number of their batches
		parts = {}; -- the pieces of text of the batch that is being gathered
		pieces = 0;
		events = 0;
		elements = 0;
		size = 0;
		first = 0; -- when it began, by clock
	};
end

-- env: send(text), which tells whether it could; clock(), in seconds, never back; time(), in seconds since 1970;
-- after(seconds, fn); max_events, max_bytes; max_event, its bytes. envelope(): what a batch stands in, as two strings.
local function new(state, env)
	local outbox = {};
	local parts = state.parts;
	local gathering, sending = false, false; -- a timer is set

	local function forget(n)
		local batch = state.batches[n];
		if not batch then return; end
		state.batches[n] = nil;
		state.kept = state.kept - batch.events;
		state.bytes = state.bytes - #batch.text - overhead;
		if n <= state.sent then
			state.flying, state.flying_bytes = state.flying - 1, state.flying_bytes - #batch.text;
		end
		return batch;
	end

	-- The oldest unsent batch is dropped: the others may have arrived.
	local function make_room()
		local n = max(state.sent, state.acked, state.lost_up_to);
		while (state.kept > env.max_events or state.bytes > env.max_bytes) and n < state.last do
			n = n + 1;
			local batch = forget(n);
			if batch then state.lost, state.lost_up_to = state.lost + batch.events, n; end
		end
	end

	local function close()
		if state.events == 0 then return; end
		local batch = { text = concat(parts, "", 1, state.pieces), events = state.events, first = state.first };
		state.last = state.last + 1;
		state.batches[state.last] = batch;
		state.kept = state.kept + batch.events;
		state.bytes = state.bytes + #batch.text + overhead;
		state.pieces, state.events, state.elements, state.size = 0, 0, 0, 0;
		make_room();
	end

	local function send(n, batch)
		local head, tail = env.envelope();
		local age = floor((env.clock() - batch.first) * 1000);
		return env.send(concat({
			head, "<tap xmlns='urn:tocsin:tap:1' run='", state.run, "' n='", format("%d", n),
			state.lost > 0 and format("' lost='%d", state.lost) or "",
			age > 0 and format("' age='%d", age) or "",
			format("' t='%d'>", floor(env.time() * 1000)), batch.text, "</tap>", tail,
		}));
	end

	local pump;
	local function pump_later()
		if sending then return; end
		sending = true;
		env.after(slice_wait, function () sending = false; pump(); end);
	end

	-- Sends what may be sent.
	function pump()
		local left = slice_batches;
		while state.up and state.sent < state.last do
			if state.flying >= window_batches or state.flying_bytes >= window_bytes then return; end
			if left == 0 then return pump_later(); end
			local n = state.sent + 1;
			local batch = state.batches[n];
			if batch then
				left = left - 1;
				if not send(n, batch) then return outbox.disconnected(); end
				state.flying, state.flying_bytes = state.flying + 1, state.flying_bytes + #batch.text;
			elseif n < state.lost_up_to then
				n = state.lost_up_to; -- all up to there were given up
			end
			state.sent = n;
		end
	end

	local function flush()
		close();
		pump();
	end
	outbox.flush = flush;

	local function flush_in_time()
		gathering = false;
		flush();
	end

	-- Adds an event: the name of its element, and what follows that, in n pieces. elements is how many it is, with its
	-- payloads. One that is too large is counted as lost.
	function outbox.add_pieces(name, pieces, n, elements)
		local size = 16;
		for i = 1, n do size = size + #pieces[i]; end
		if size > env.max_event then return outbox.lose(); end
		if state.size + size > batch_bytes and state.events > 0 then flush(); end
		local at, last = env.clock(), state.pieces + 1;
		parts[last] = opening[name];
		if state.events == 0 then
			state.first = at;
			if state.up and not gathering then
				gathering = true;
				env.after(batch_wait, flush_in_time);
			end
		elseif at - state.first >= 0.001 then
			last = last + 1;
			parts[last] = since[floor((at - state.first) * 1000)];
		end
		move(pieces, 1, n, last + 1, parts);
		state.pieces, state.events = last + n, state.events + 1;
		state.elements, state.size = state.elements + elements, state.size + size;
		if state.events >= batch_events or state.elements >= batch_elements then flush(); end
	end

	local whole = {};

	-- The same, in one piece.
	function outbox.add(name, rest)
		whole[1] = rest;
		outbox.add_pieces(name, whole, 1, 1);
	end

	-- Counts an event that can't be reported.
	function outbox.lose()
		state.lost = state.lost + 1;
	end

	-- Processes an acknowledgement. Returns whether it is valid.
	function outbox.acknowledge(run, n)
		if run ~= state.run or not n or n > state.sent or n % 1 ~= 0 or n < 1 then return false; end
		while state.acked < n do
			state.acked = state.acked + 1;
			if not forget(state.acked) then state.acked = max(state.acked, min(n, state.lost_up_to)); end
		end
		pump();
		return true;
	end

	-- The component is connected: what it has not acknowledged is resent.
	function outbox.connected()
		close();
		state.up, state.sent, state.flying, state.flying_bytes = true, state.acked, 0, 0;
		pump();
	end

	function outbox.disconnected()
		state.up, state.sent, state.flying, state.flying_bytes = false, state.acked, 0, 0;
		make_room();
	end

	return outbox;
end

return { new = new, new_state = new_state };
