//! A fuzzer without coverage feedback: fixtures with values replaced, repeated, swapped with those of other fixtures, doubled
//! keys, numbers no type holds, nesting, broken UTF-8 and cuts, several at once. The seed is fixed: a failure repeats.

use std::fmt::Write as _;
use std::ops::Range;
use std::panic::catch_unwind;

use super::super::fixtures_test::bodies;
use super::check;

const ROUNDS: u64 = 12_000;

/// What stands where a value stood.
const VALUES: &[&[u8]] = &[
    b"null",
    b"false",
    b"{}",
    b"[]",
    b"\"\"",
    b"-0",
    b"1e400",
    b"-1e-400",
    b"0.00000000000000000000000000000000001",
    b"18446744073709551616",
    b"-9223372036854775809",
    b"99999999999999999999999999999999999999999999",
    b"\"\\ud800\"",
    b"\"\\udc00\\ud800\"",
    b"\"\\u0000\"",
    b"\"\xff\xc0\"",
    b"\"\xed\xa0\x80\"",
    b"\"\xf4\x90\x80\x80\"",
    b"\"9999999999999999\"",
    b"\"-1\"",
    b"{\"\":{\"\":[]}}",
    b"[[],{},null]",
];

/// What no string holds, or only at its edge.
const STRAY: &[&[u8]] = &[b"\xff", b"\xe2\x82", b"\\", b"\\u12", b"\0", b"\x1f", b"\xef\xbb\xbf"];

/// splitmix64: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.roll(of.len())]
    }
}

/// Where values stand in `body`, keys included; whatever is not closed is left out, so that broken bodies can be broken again.
fn spans(body: &[u8]) -> Vec<Range<usize>> {
    let (mut found, mut open, mut at) = (Vec::new(), Vec::new(), 0);
    while at < body.len() {
        let start = at;
        at += 1;
        match body[start] {
            b'{' | b'[' => open.push(start),
            b'}' | b']' => found.extend(open.pop().map(|begin| begin..at)),
            b'"' => {
                while at < body.len() && body[at] != b'"' {
                    at += if body[at] == b'\\' { 2 } else { 1 };
                }
                at = (at + 1).min(body.len());
                found.push(start..at);
            }
            byte if byte.is_ascii_alphanumeric() || byte == b'-' => {
                while at < body.len() && (body[at].is_ascii_alphanumeric() || b"+-.".contains(&body[at])) {
                    at += 1;
                }
                found.push(start..at);
            }
            _ => {}
        }
    }
    found
}

fn mutate(body: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    let places = spans(body);
    if places.is_empty() {
        return body.extend_from_slice(other);
    }
    let place = dice.pick(&places).clone();
    let value = body[place.clone()].to_vec();
    let with = |body: &mut Vec<u8>, bytes: &[u8]| drop(body.splice(place.clone(), bytes.iter().copied()));
    match dice.roll(10) {
        0..=2 => with(body, dice.pick::<&[u8]>(VALUES)),
        3 => {
            let theirs = spans(other);
            with(body, &other[dice.pick(&theirs).clone()]);
        }
        // A repeated element, or a string where a key has to be.
        4 => with(body, &[&value, b",".as_slice(), &value].concat()),
        5 => {
            let depth = 1 + dice.roll(400);
            let around = [("[", "]"), ("{\"a\":", "}")][dice.roll(2)];
            with(body, &[around.0.repeat(depth).as_bytes(), &value, around.1.repeat(depth).as_bytes()].concat());
        }
        6 => {
            // A key that comes twice: the first member again, with another value.
            let objects: Vec<_> = places.iter().filter(|place| body[place.start] == b'{').collect();
            let Some(object) = objects.get(dice.roll(objects.len())) else { return };
            let Some(key) = places.iter().find(|key| key.start > object.start && body[key.start] == b'"') else { return };
            let member = [&body[key.clone()], b":".as_slice(), dice.pick::<&[u8]>(VALUES), b",".as_slice()].concat();
            let at = object.start + 1;
            body.splice(at..at, member);
        }
        7 => {
            let at = place.start + dice.roll(place.len());
            body.splice(at..at, dice.pick::<&[u8]>(STRAY).iter().copied());
        }
        8 => with(body, b""),
        _ => body.truncate(dice.roll(body.len())),
    }
}

fn readable(body: &[u8]) -> String {
    body.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{}", byte.escape_ascii());
        text
    })
}

#[test]
fn fixtures_broken_in_several_ways_at_once_are_taken_without_a_panic() {
    let bodies = bodies();
    let (mut taken, mut refused) = (0, 0);
    for seed in 0..ROUNDS {
        let mut dice = Dice(seed);
        let (name, mut body) = dice.pick(&bodies).clone();
        for _ in 0..=dice.roll(4) {
            let other = &dice.pick(&bodies).1;
            mutate(&mut body, other, &mut dice);
        }
        let whole = catch_unwind(|| check(&body).is_some());
        if whole.unwrap_or_else(|_| panic!("seed {seed}, from {name}: {}", readable(&body))) {
            taken += 1;
        } else {
            refused += 1;
        }
    }
    // A mutator that breaks everything, or nothing, tests nothing.
    assert!(taken > ROUNDS / 10 && refused > ROUNDS / 10, "{taken} taken, {refused} refused");
}
