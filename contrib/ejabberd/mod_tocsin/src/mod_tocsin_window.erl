%%% Batches of events: numbered, sent within a window, kept until they are acknowledged. When they take too much memory, the
%%% oldest are dropped and counted. Pure functions; times are in microseconds.
-module(mod_tocsin_window).

-export([new/1, limit/2, add/3, seal/1, next/1, ack/2, rewind/1, lose/2]).
-export([pack/2, unpack/3]).
-export([is_open/1, has_room/1, is_idle/1, lost/1, bytes/1]).

%% A batch is complete at this size.
-define(EVENTS, 100).
-define(ELEMENTS, 1000).
-define(BYTES, 49152).
%% No batch is larger than this; an event is smaller than two thirds of it.
-define(MOST, 184320).
%% Limit of what is sent and not acknowledged yet.
-define(BATCHES_SENT, 256).
-define(BYTES_SENT, 4194304).

%% Name, what only the process of the host knows, the number of elements, the rest of the text.
-type event() :: {Name :: binary(), Attrs :: iodata(), Elements :: pos_integer(), Rest :: binary()}.

-record(batch, {number :: pos_integer(), first :: integer(), events :: pos_integer(), text :: binary()}).

-record(window, {open = [] :: [{integer(), event()}], % newest first
                 events = 0, elements = 0, size = 0, % of open
                 number = 0, % of the last batch
                 sent = queue:new(), sent_count = 0, sent_size = 0,
                 held = queue:new(), held_size = 0, % not sent yet
                 limit :: pos_integer(), % of held_size
                 lost = 0}).

-opaque window() :: #window{}.
%% A window as stored in a file. Times are by another clock there, which is ahead by Offset.
-type packed() :: {Number :: non_neg_integer(), Lost :: non_neg_integer(), [{pos_integer(), integer(), pos_integer(), binary()}]}.

-export_type([window/0, event/0, packed/0]).

-spec new(pos_integer()) -> window().
new(Limit) -> #window{limit = Limit}.

-spec limit(pos_integer(), window()) -> window().
limit(Limit, W) -> trim(W#window{limit = Limit}).

%% An event and its time.
-spec add(integer(), event(), window()) -> window().
add(Time, {Name, Attrs, Elements, Rest} = Event, #window{size = Before} = W) ->
    Size = byte_size(Name) + iolist_size(Attrs) + byte_size(Rest) + 16, % with the time
    #window{open = Open, events = N, elements = E, size = S} = W1 = case Before + Size > ?MOST of true -> seal(W); false -> W end,
    W2 = W1#window{open = [{Time, Event} | Open], events = N + 1, elements = E + Elements, size = S + Size},
    if N + 1 >= ?EVENTS; E + Elements >= ?ELEMENTS; S + Size >= ?BYTES -> seal(W2);
       true -> W2
    end.

%% Ends the open batch: later events go into another one. Sessions report in parallel, so events are sorted by time.
-spec seal(window()) -> window().
seal(#window{events = 0} = W) -> W;
seal(#window{open = Open, events = N, number = Last, held = Held, held_size = Size} = W) ->
    [{First, _} | _] = Sorted = lists:keysort(1, lists:reverse(Open)),
    Text = iolist_to_binary([[$<, Name, after_first((Time - First) div 1000), Attrs, Rest] || {Time, {Name, Attrs, _, Rest}} <- Sorted]),
    Batch = #batch{number = Last + 1, first = First, events = N, text = Text},
    trim(W#window{open = [], events = 0, elements = 0, size = 0, number = Last + 1,
                  held = queue:in(Batch, Held), held_size = Size + byte_size(Text)}).

after_first(0) -> [];
after_first(D) -> mod_tocsin_event:attributes([{<<"d">>, integer_to_binary(D)}]).

%% Only from unsent batches: those sent may still arrive, and dropping one would make room for sending more.
trim(#window{held_size = Size, limit = Limit} = W) when Size =< Limit -> W;
trim(#window{held = Held, held_size = Size, lost = Lost} = W) ->
    {{value, #batch{text = Text, events = N}}, Rest} = queue:out(Held),
    trim(W#window{held = Rest, held_size = Size - byte_size(Text), lost = Lost + N}).

%% The next batch to send: its number, the time of its first event, its events.
-spec next(window()) -> {pos_integer(), integer(), binary(), window()} | none.
next(#window{sent = Sent, sent_count = Count, sent_size = A, held = Held, held_size = B} = W) ->
    case has_room(W) andalso queue:out(Held) of
        {{value, #batch{number = N, first = First, text = Text} = Batch}, Rest} ->
            {N, First, Text, W#window{sent = queue:in(Batch, Sent), sent_count = Count + 1, sent_size = A + byte_size(Text),
                                      held = Rest, held_size = B - byte_size(Text)}};
        _ -> none
    end.

%% All up to a number have arrived.
-spec ack(integer(), window()) -> {ok, window()} | unknown.
ack(N, #window{held = Held, number = Last} = W) ->
    Unsent = case queue:peek(Held) of
                 {value, #batch{number = Number}} -> Number;
                 empty -> Last + 1
             end,
    if N > 0, N < Unsent -> {ok, drop(N, W)};
       true -> unknown
    end.

drop(N, #window{sent = Sent, sent_count = Count, sent_size = A} = W) ->
    case queue:out(Sent) of
        {{value, #batch{number = Number, text = Text}}, Rest} when Number =< N ->
            drop(N, W#window{sent = Rest, sent_count = Count - 1, sent_size = A - byte_size(Text)});
        _ -> W
    end.

%% The connection is lost, possibly with batches under way: everything unacknowledged is to be resent.
-spec rewind(window()) -> window().
rewind(#window{sent = Sent, sent_size = A, held = Held, held_size = B} = W) ->
    trim(W#window{sent = queue:new(), sent_count = 0, sent_size = 0, held = queue:join(Sent, Held), held_size = A + B}).

-spec pack(integer(), window()) -> packed().
pack(Offset, W) ->
    #window{number = Number, lost = Lost, held = Held} = rewind(seal(W)),
    {Number, Lost, [{N, First + Offset, Events, Text} || #batch{number = N, first = First, events = Events, text = Text} <- queue:to_list(Held)]}.

-spec unpack(integer(), pos_integer(), packed()) -> window().
unpack(Offset, Limit, {Number, Lost, Batches}) when is_integer(Number), Number >= 0, is_integer(Lost), Lost >= 0 ->
    Held = [#batch{number = N, first = First - Offset, events = Events, text = Text}
            || {N, First, Events, Text} <- Batches, is_integer(N), N =< Number, is_integer(First), is_integer(Events), is_binary(Text)],
    true = length(Held) == length(Batches),
    trim((new(Limit))#window{number = Number, lost = Lost, held = queue:from_list(Held),
                             held_size = lists:sum([byte_size(Text) || #batch{text = Text} <- Held])}).

%% Events that were lost elsewhere.
-spec lose(non_neg_integer(), window()) -> window().
lose(N, #window{lost = Lost} = W) -> W#window{lost = Lost + N}.

-spec is_open(window()) -> boolean().
is_open(#window{events = N}) -> N > 0.

-spec has_room(window()) -> boolean().
has_room(#window{sent_count = Count, sent_size = Size}) -> Count < ?BATCHES_SENT andalso Size < ?BYTES_SENT.

%% No complete batch is waiting to be sent.
-spec is_idle(window()) -> boolean().
is_idle(#window{held = Held}) -> queue:is_empty(Held).

-spec lost(window()) -> non_neg_integer().
lost(#window{lost = Lost}) -> Lost.

-spec bytes(window()) -> non_neg_integer().
bytes(#window{sent_size = A, held_size = B}) -> A + B.
