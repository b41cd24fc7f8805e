/*
Package fakeserver is the server's side of the component protocol (XEP-0114) for tests: it accepts a component, sends it
whatever a test wants, keeps what comes back, and can fail in every way that a server can.

# Scenarios

A scenario is a .txtar file: a comment about what it shows, an optional section "config" of TOML on top of the defaults,
and a section "story", whose lines are commands. It is played in a bubble of testing/synctest, where the component goes by
the story's clock and the test knows when it is idle, so that nothing sleeps and nothing races. It begins at noon of
2026-11-24, UTC, unless a section "begin" says otherwise.

Names are local parts at example.org: "alice" is alice@example.org, "alice/phone" a client of hers; "sms" is the contact,
"tocsin" the component; "second.example" is a second virtual host, everything else is elsewhere. xmlns='T' is our own namespace. Empty
lines and lines that begin with # are ignored.

	shape module ejabberd            the taps with which the story works (first line); by default module, firewall, ejabberd;
	                                 events: our module in its current form, with what only the server knows

What happens at the server:

	online alice/phone T T#sms       a client logs in, with these features (markers, receipts, or a namespace; with caps it
	                                 announces their hash (XEP-0115), with forged that of another client, with hideform
	                                 it answers with its last three in a form, which has the same hash; with sm its session
	                                 uses XEP-0198)
	offline alice/phone              it logs out
	session bob/phone closed why=lost
	                                 opened, managed, hibernating, resumed, closed: for events
	vanish alice/phone               it is gone, and the server does not report it
	mds bob alice s1                 bob's devices synchronise what he has displayed (XEP-0490), for events
	archived alice bob m1 s1         bob's archive has the message under this id, for events
	disco alice/phone T              its features from now on, unannounced; "silent": it answers nothing
	tap out alice/phone → bob id=m1 "Hello" request markable
	                                 a local client sends a message; see the payloads in tapped.go; in: it comes from
	                                 elsewhere; offline: the server keeps it; replay: the recipient gets it later, with
	                                 a delay; acked: the recipient's client acknowledged it (XEP-0198); bounce: the server's own
	                                 error; archived, handed, unacked, dropped: for events. Each shape makes its own copies of
	                                 it, or none. ro=both ss=2 sm=1 hib=1 is what events report besides
	recv <message …>                 the server sends this
	say alice/phone "sent 7f3c"      a user writes to the contact; with reply=$m it answers that message
	react alice/phone $m 👍          a user reacts to a message of the contact; without an emoji, removes the reaction
	ask alice/phone get <sync xmlns='T'/> → ok
	                                 a user's request; its answer is ok, whose payload can be expected next, or a condition
	answer alice/phone $p claim → ok short for an answer to a prompt; snooze needs for=600
	command bob/desk preferences watch_me=0 → ok
	                                 an ad-hoc command and its form; failed if it was completed with an error note
	number bob +8613800138000        an admin binds a number; "private": without consent
	stored bob quiet=22:00-07:00 zone=Europe/Berlin
	                                 his preferences in the database, from the next start on
	vcard bob +8613800138000         a number in a vCard
	called alice bob "Bob"           alice's name for bob in her roster
	roster bob alice both            an item of bob's roster from now on, reported by events; after the first one, the
	                                 component may read rosters (XEP-0356)

	phone +8613800138000 → +8613700000001 "On my way" id=1
	                                 an SMS from a phone; the same id again is a repetition

	repeat 60 tap …                  as many times, with # replaced by the number

Time and faults:

	advance 5m
	deaf                             the server stops reading: anything written is lost with the stream
	down                             the stream breaks, and connecting fails; our module keeps its copies
	up                               connecting works again
	crash                            the component is killed
	start                            and started again, on the same database
	restart                          both

What is expected of the component up to now:

	expect <message to='alice@example.org'><status xmlns='T' id='m1' state='…'/></message>
	expect status alice m1 delivered by=receipt
	expect prompt alice/phone m1 timeout-unread as=$p also=m2
	expect withdraw alice/phone $p displayed
	expect chat alice "…sent $code…" id=$m
	expect settled alice $m "…read it…"
	expect <sms to='+8613800138000' from='…'>…</sms>
	                                 an SMS sent by the component; all are delivered
	! expect …                       nothing like it was received, apart from what was expected before
	expect nothing                   nothing else was received, except requests and presence

Each expect takes the first matching stanza received. In a pattern "…" matches anything, "∅" nothing, and $name captures a value,
which it matches from then on. A pattern names what must be there; <not:number/> in it must not.
*/
package fakeserver
