-- Queue of events for the component. Events are collected into numbered batches, which are kept until acknowledged and
-- resent after a lost connection. If there is no more room, the oldest are dropped (docs/PROTOCOL.md §10). It does not
-- depend on Prosody: what it needs is passed in, so it can be tested alone.
-- luacheck: std lua54

local concat, format, cut = table.concat, string.format, string.sub;
local floor, max, min = math.floor, math.max, math.min;

-- A batch is closed at this size, or by a timer, this long after it closed the last one: after a pause, at once.
local batch_events = 400;
local batch_elements = 1000;
local batch_bytes = 48 * 1024;
local batch_wait = 0.05; -- seconds

-- Limits of what is sent and not yet acknowledged.
local window_batches = 256;
local window_bytes = 4 * 1024 * 1024;

-- Batches sent at a time, before Prosody's main loop gets its turn.
local slice_batches = 16;
local slice_wait = 0.001;

-- Bytes of memory per batch besides its text: table, slot, string header.
local overhead = 256;

-- Cached strings.
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
		batches = {}; -- by number, until acknowledged or dropped; from and to: where the events are in an enveloped text
		last = 0; -- the newest number
		sent = 0; -- the newest number that was sent on this connection
		acked = 0; -- all batches up to this number are acknowledged
		kept = 0; -- events in batches
		bytes = 0; -- memory of batches
		flying = 0; -- batches in flight: sent and not acknowledged
		flying_bytes = 0;
		lost = 0; -- events that were dropped
		lost_up_to = 0; -- the newest number of a dropped batch
		parts = {}; -- pieces of text of the open batch
		pieces = 0;
		events = 0;
		elements = 0;
		size = 0;
		first = 0; -- time of its first event, by clock
	};
end

-- env has the functions send(text), which returns whether it succeeded; clock(), monotonic seconds; time(), seconds
-- since 1970; after(seconds, fn); envelope(), the start and end tag around a batch; and the limits max_events and
-- max_bytes of the queue, and max_event, the bytes of one event.
local function new(state, env)
	local outbox = {};
	local parts, clock, max_event = state.parts, env.clock, env.max_event;
	local full = min(batch_events, max(1, floor(env.max_events / 3))); -- so room is made by dropping a third at most
	local gathering, sending = false, false; -- whether the timer to flush, or to send more, is running
	local flushed = -batch_wait; -- when the timer flushed last
	local closed; -- the batch that was closed just now, with the envelope of this moment

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

	-- Drops the oldest unsent batches. (Sent ones may have arrived.)
	local function make_room()
		local n = max(state.sent, state.acked, state.lost_up_to);
		while (state.kept > env.max_events or state.bytes > env.max_bytes) and n < state.last do
			n = n + 1;
			local batch = forget(n);
			if batch then state.lost, state.lost_up_to = state.lost + batch.events, n; end
		end
	end

	-- The tags around the events of a batch that is sent now.
	local function envelope(n, first)
		local head, tail = env.envelope();
		local age = floor((clock() - first) * 1000);
		return concat({
			head, "<tap xmlns='urn:tocsin:tap:1' run='", state.run, "' n='", format("%d", n),
			state.lost > 0 and format("' lost='%d", state.lost) or "",
			age > 0 and format("' age='%d", age) or "",
			format("' t='%d'>", floor(env.time() * 1000)),
		}), "</tap>" .. tail;
	end

	-- Closes the open batch. If it is to be sent at once, its text has the envelope already: Prosody collects garbage
	-- eagerly, so it is joined only once.
	local function close()
		if state.events == 0 then return; end
		local batch = { events = state.events, first = state.first };
		if state.up and state.sent == state.last then
			local head, tail = envelope(state.last + 1, batch.first);
			parts[0], parts[state.pieces + 1] = head, tail;
			batch.text = concat(parts, "", 0, state.pieces + 1);
			batch.from, batch.to = #head + 1, -#tail - 1;
			closed = batch;
		else
			batch.text = concat(parts, "", 1, state.pieces);
		end
		state.last = state.last + 1;
		state.batches[state.last] = batch;
		state.kept = state.kept + batch.events;
		state.bytes = state.bytes + #batch.text + overhead;
		state.pieces, state.events, state.elements, state.size = 0, 0, 0, 0;
		make_room();
	end

	local function send(n, batch)
		if batch == closed then return env.send(batch.text); end
		local head, tail = envelope(n, batch.first);
		local events = batch.from and cut(batch.text, batch.from, batch.to) or batch.text;
		return env.send(head .. events .. tail);
	end

	local pump;
	local function pump_later()
		if sending then return; end
		sending = true;
		env.after(slice_wait, function () sending = false; pump(); end);
	end

	-- Sends batches as far as the limits allow.
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
				n = state.lost_up_to; -- all before were dropped
			end
			state.sent = n;
		end
	end

	local function flush()
		close();
		pump();
		closed = nil;
	end
	outbox.flush = flush;

	local function flush_in_time()
		gathering, flushed = false, clock();
		flush();
	end

	-- Adds an event: the name of its element, the text after the name in pieces[first] to pieces[last], and its number of
	-- elements including payloads. An event that is too large is counted as lost.
	function outbox.add_pieces(name, pieces, first, last, elements)
		local events, n = state.events, state.pieces + 1;
		local at, start = clock(), n;
		if events > 0 then
			local delay = at - state.first;
			if delay >= 0.001 then
				n = n + 1;
				parts[n] = since[floor(delay * 1000)];
			end
		end
		local size = 16;
		for i = first, last do
			local piece = pieces[i];
			n = n + 1;
			size = size + #piece;
			parts[n] = piece;
		end
		if size > max_event then return outbox.lose(); end
		size = state.size + size;
		if size > batch_bytes and events > 0 then
			flush();
			return outbox.add_pieces(name, pieces, first, last, elements);
		end
		parts[start] = opening[name];
		if events == 0 then
			state.first = at;
			if state.up and not gathering then
				gathering = true;
				env.after(max(0, flushed + batch_wait - at), flush_in_time);
			end
		end
		events, elements = events + 1, state.elements + elements;
		state.pieces, state.events, state.elements, state.size = n, events, elements, size;
		if events >= full or elements >= batch_elements then flush(); end
	end

	local whole = {};

	-- Adds an event without payloads, in one piece.
	function outbox.add(name, rest)
		whole[1] = rest;
		outbox.add_pieces(name, whole, 1, 1, 1);
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

	-- The component is connected: resends what it has not acknowledged.
	function outbox.connected()
		close();
		state.up, state.sent, state.flying, state.flying_bytes = true, state.acked, 0, 0;
		pump();
		closed = nil;
	end

	function outbox.disconnected()
		state.up, state.sent, state.flying, state.flying_bytes = false, state.acked, 0, 0;
		make_room();
	end

	return outbox;
end

return { new = new, new_state = new_state };
