%%% Batches of events: numbered, sent within a window, kept until they are acknowledged. If they take too much memory, the
%%% oldest are dropped and counted. Pure functions; times are in microseconds.
-module(mod_tocsin_window).

-export([new/1, limit/2, add/3, seal/1, next/1, ack/2, rewind/1, lose/2]).
-export([pack/2, unpack/3]).
-export([is_open/1, has_room/1, is_idle/1, lost/1, bytes/1]).

%% A batch is sealed at any of these sizes.
-define(EVENTS, 400).
-define(ELEMENTS, 1000).
-define(BYTES, 49152).
%% No batch is larger than this. (An event is at most two thirds of it.)
-define(MAX_BATCH, 184320).
%% Limits of what is sent and not yet acknowledged.
-define(MAX_SENT_BATCHES, 256).
-define(MAX_SENT_BYTES, 4194304).


-record(batch, {number :: pos_integer(), first :: integer(), events :: pos_integer(), text :: binary()}).

-record(window, {open = [] :: [{integer(), Name :: binary(), AfterName :: binary()}], % newest first
                 events = 0, elements = 0, size = 0, % of open
                 number = 0, % of the last batch
                 sent = queue:new(), sent_count = 0, sent_size = 0,
                 unsent = queue:new(), unsent_size = 0, % not sent yet
                 limit :: pos_integer(), % of unsent_size
                 lost = 0}).

-opaque window() :: #window{}.
%% A window as saved in a file. Its times are monotonic time plus the clock's offset at saving.
-type packed() :: {Number :: non_neg_integer(), Lost :: non_neg_integer(), [{pos_integer(), integer(), pos_integer(), binary()}]}.

-export_type([window/0, packed/0]).

-spec new(pos_integer()) -> window().
new(Limit) -> #window{limit = Limit}.

-spec limit(pos_integer(), window()) -> window().
limit(Limit, W) -> trim(W#window{limit = Limit}).

%% Adds an event that happened at Time.
-spec add(integer(), mod_tocsin_event:event(), window()) -> window().
add(Time, {Name, Elements, AfterName}, #window{size = Before} = W) ->
    Size = byte_size(Name) + byte_size(AfterName) + 16, % 16 for the time
    #window{open = Open, events = N, elements = E, size = S} = W1 = case Before + Size > ?MAX_BATCH of true -> seal(W); false -> W end,
    W2 = W1#window{open = [{Time, Name, AfterName} | Open], events = N + 1, elements = E + Elements, size = S + Size},
    if N + 1 >= ?EVENTS; E + Elements >= ?ELEMENTS; S + Size >= ?BYTES -> seal(W2);
       true -> W2
    end.

%% Closes the open batch: later events go into the next one. Sessions report in parallel, so events are sorted by time.
-spec seal(window()) -> window().
seal(#window{events = 0} = W) -> W;
seal(#window{open = Open, events = N, number = Last, unsent = Unsent, unsent_size = Size} = W) ->
    [{First, _, _} | _] = Sorted = lists:keysort(1, lists:reverse(Open)),
    Text = iolist_to_binary([[$<, Name, after_first((Time - First) div 1000), AfterName] || {Time, Name, AfterName} <- Sorted]),
    Batch = #batch{number = Last + 1, first = First, events = N, text = Text},
    trim(W#window{open = [], events = 0, elements = 0, size = 0, number = Last + 1,
                  unsent = queue:in(Batch, Unsent), unsent_size = Size + byte_size(Text)}).

after_first(0) -> [];
after_first(D) -> mod_tocsin_event:attributes([{<<"d">>, integer_to_binary(D)}]).

%% Drops unsent batches only. Sent ones may still arrive, and dropping one would let more be sent.
trim(#window{unsent_size = Size, limit = Limit} = W) when Size =< Limit -> W;
trim(#window{unsent = Unsent, unsent_size = Size, lost = Lost} = W) ->
    {{value, #batch{text = Text, events = N}}, Rest} = queue:out(Unsent),
    trim(W#window{unsent = Rest, unsent_size = Size - byte_size(Text), lost = Lost + N}).

%% The next batch to send: its number, the time of its first event, and its text.
-spec next(window()) -> {pos_integer(), integer(), binary(), window()} | none.
next(#window{sent = Sent, sent_count = Count, sent_size = A, unsent = Unsent, unsent_size = B} = W) ->
    case has_room(W) andalso queue:out(Unsent) of
        {{value, #batch{number = N, first = First, text = Text} = Batch}, Rest} ->
            {N, First, Text, W#window{sent = queue:in(Batch, Sent), sent_count = Count + 1, sent_size = A + byte_size(Text),
                                      unsent = Rest, unsent_size = B - byte_size(Text)}};
        _ -> none
    end.

%% All batches up to number N have arrived. unknown: that number was never sent.
-spec ack(integer(), window()) -> {ok, window()} | unknown.
ack(N, #window{unsent = Unsent, number = Last} = W) ->
    FirstUnsent = case queue:peek(Unsent) of
                      {value, #batch{number = Number}} -> Number;
                      empty -> Last + 1
                  end,
    if N > 0, N < FirstUnsent -> {ok, drop(N, W)};
       true -> unknown
    end.

drop(N, #window{sent = Sent, sent_count = Count, sent_size = A} = W) ->
    case queue:out(Sent) of
        {{value, #batch{number = Number, text = Text}}, Rest} when Number =< N ->
            drop(N, W#window{sent = Rest, sent_count = Count - 1, sent_size = A - byte_size(Text)});
        _ -> W
    end.

%% The connection is lost, maybe with batches in flight: everything unacknowledged is sent again.
-spec rewind(window()) -> window().
rewind(#window{sent = Sent, sent_size = A, unsent = Unsent, unsent_size = B} = W) ->
    trim(W#window{sent = queue:new(), sent_count = 0, sent_size = 0, unsent = queue:join(Sent, Unsent), unsent_size = A + B}).

-spec pack(integer(), window()) -> packed().
pack(Offset, W) ->
    #window{number = Number, lost = Lost, unsent = Unsent} = rewind(seal(W)),
    {Number, Lost, [{N, First + Offset, Events, Text} || #batch{number = N, first = First, events = Events, text = Text} <- queue:to_list(Unsent)]}.

-spec unpack(integer(), pos_integer(), packed()) -> window().
unpack(Offset, Limit, {Number, Lost, Batches}) when is_integer(Number), Number >= 0, is_integer(Lost), Lost >= 0 ->
    Unsent = [#batch{number = N, first = First - Offset, events = Events, text = Text}
            || {N, First, Events, Text} <- Batches, is_integer(N), N =< Number, is_integer(First), is_integer(Events), is_binary(Text)],
    true = length(Unsent) == length(Batches),
    trim((new(Limit))#window{number = Number, lost = Lost, unsent = queue:from_list(Unsent),
                             unsent_size = lists:sum([byte_size(Text) || #batch{text = Text} <- Unsent])}).

%% Counts events that were lost elsewhere.
-spec lose(non_neg_integer(), window()) -> window().
lose(N, #window{lost = Lost} = W) -> W#window{lost = Lost + N}.

-spec is_open(window()) -> boolean().
is_open(#window{events = N}) -> N > 0.

-spec has_room(window()) -> boolean().
has_room(#window{sent_count = Count, sent_size = Size}) -> Count < ?MAX_SENT_BATCHES andalso Size < ?MAX_SENT_BYTES.

%% No complete batch is waiting to be sent.
-spec is_idle(window()) -> boolean().
is_idle(#window{unsent = Unsent}) -> queue:is_empty(Unsent).

-spec lost(window()) -> non_neg_integer().
lost(#window{lost = Lost}) -> Lost.

-spec bytes(window()) -> non_neg_integer().
bytes(#window{sent_size = A, unsent_size = B}) -> A + B.
