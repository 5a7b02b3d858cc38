"""Solves games with Gambit and compares with what the project's own solver said.

Reads a file of JSON objects, one a line:
  efg         the game, as exported
  honest      information set -> honest action, by name
  equilibria  payoffs of each equilibrium found, by player, as fractions
  honest_play_pays   whether honest play was called the only equilibrium
  deviates    whether it was called no equilibrium
  complete    whether all equilibria were found and every choice is settled
  limited     whether the solver left a subgame open because it is too large for it

Every equilibrium that was put together from subgames is then handed back to Gambit on the whole tree: with the others'
play in place of their nodes, it finds no reply that pays a player more.

Reading the file, cutting the tree into subgames and taking away actions that no belief justifies is
done here once more, from the definitions; equilibria are Gambit's. Prints a summary; exits with 1
and the first difference if there is one.
"""

import io
import json
import re
import resource
import sys
from fractions import Fraction

import pygambit

TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|([{}])|([^\s{}"]+)')


class Node:
    def __init__(self, kind, player, label, actions, probabilities, payoffs):
        self.kind, self.player, self.label = kind, player, label
        self.actions, self.probabilities, self.payoffs = actions, probabilities, payoffs
        self.children = []


def parse(text):
    """The players and the root of a game in Gambit's format."""
    tokens = []
    for quoted, brace, word in TOKEN.findall(text):
        tokens.append(("s", quoted) if not brace and not word else ("t", brace or word))
    at = 0

    def take():
        nonlocal at
        at += 1
        return tokens[at - 1][1]

    def listed():
        assert take() == "{"
        items = []
        while tokens[at] != ("t", "}"):
            items.append(take())
        take()
        return items

    assert [take() for _ in range(3)] == ["EFG", "2", "R"]
    take()
    players = listed()
    take()

    def node():
        kind = take()
        take()
        if kind == "p":
            player = int(take()) - 1
            take()
            label = take()
            actions = listed()
            take()
            made = Node(kind, player, label, actions, None, None)
        elif kind == "c":
            take()
            label = take()
            items = listed()
            take()
            probabilities = [Fraction(p) for p in items[1::2]]
            assert sum(probabilities) == 1
            made = Node(kind, None, label, items[::2], probabilities, None)
        else:
            assert kind == "t"
            take()
            label = take()
            return Node(kind, None, label, [], None, [Fraction(p) for p in listed()])
        made.children = [node() for _ in made.actions]
        return made

    root = node()
    assert at == len(tokens)
    return players, root


def every(node):
    yield node
    for child in node.children:
        yield from every(child)


def infosets(node):
    sets = {}
    for n in every(node):
        if n.kind == "p":
            sets.setdefault(n.label, []).append(n)
    return sets


def is_subgame(root, totals):
    return all(len(found) == totals[label] for label, found in infosets(root).items())


def value_range(node, player, gone):
    """Least and greatest payoff of a player over all possible play."""
    if node.kind == "t":
        return node.payoffs[player], node.payoffs[player]
    ranges = [value_range(c, player, gone) for c in node.children]
    if node.kind == "c":
        low = sum(p * r[0] for p, r in zip(node.probabilities, ranges))
        return low, sum(p * r[1] for p, r in zip(node.probabilities, ranges))
    ranges = [r for a, r in zip(node.actions, ranges) if (node.label, a) not in gone]
    return min(r[0] for r in ranges), max(r[1] for r in ranges)


def reached(node, gone):
    yield node
    for index, child in enumerate(node.children):
        if node.kind == "c" or (node.label, node.actions[index]) not in gone:
            yield from reached(child, gone)


def dominated(root):
    """Actions that are worse than another in every situation of their information set."""
    gone = set()
    sets = infosets(root)
    while True:
        live = {id(n) for n in reached(root, gone)}
        found = set()
        for label, nodes in sets.items():
            here = [n for n in nodes if id(n) in live] or nodes
            actions = [a for a in nodes[0].actions if (label, a) not in gone]
            if len(actions) < 2:
                continue
            player = nodes[0].player
            index = {a: nodes[0].actions.index(a) for a in actions}
            ranges = {
                a: [value_range(n.children[index[a]], player, gone) for n in here] for a in actions
            }
            for worse in actions:
                for better in actions:
                    if all(b[0] > w[1] for b, w in zip(ranges[better], ranges[worse])):
                        found.add((label, worse))
                        break
        if not found:
            return gone
        gone |= found


def write(node, players, numbers, out, gone, payoff_players):
    if node.kind == "t":
        numbers["t"] += 1
        payoffs = " ".join(str(node.payoffs[p]) for p in payoff_players)
        out.append(f't "" {numbers["t"]} "end {numbers["t"]}" {{ {payoffs} }}')
        return
    if node.kind == "c":
        numbers["c"] += 1
        items = " ".join(f'"{a}" {p}' for a, p in zip(node.actions, node.probabilities))
        out.append(f'c "" {numbers["c"]} "chance {numbers["c"]}" {{ {items} }} 0')
        for child in node.children:
            write(child, players, numbers, out, gone, payoff_players)
        return
    kept = [(a, c) for a, c in zip(node.actions, node.children) if (node.label, a) not in gone]
    if len(kept) == 1:
        # A single action is no choice.
        write(kept[0][1], players, numbers, out, gone, payoff_players)
        return
    sets = numbers.setdefault(node.player, {})
    number = sets.setdefault(node.label, len(sets) + 1)
    items = " ".join(f'"{a}"' for a, _ in kept)
    player = payoff_players.index(node.player) + 1
    out.append(f'p "" {player} {number} "{node.label}" {{ {items} }} 0')
    for _, child in kept:
        write(child, players, numbers, out, gone, payoff_players)


def expected(node, play, gone):
    if node.kind == "t":
        return node.payoffs
    if node.kind == "c":
        weights = node.probabilities
    else:
        kept = [a for a in node.actions if (node.label, a) not in gone]
        chosen = play.get(node.label) or {kept[0]: Fraction(1)}
        weights = [chosen.get(a, Fraction(0)) for a in node.actions]
    total = None
    for weight, child in zip(weights, node.children):
        if weight == 0:
            continue
        part = [weight * p for p in expected(child, play, gone)]
        total = part if total is None else [a + b for a, b in zip(total, part)]
    return total


# More than this, and Gambit takes minutes for a subgame.
MOST_STRATEGIES = 20

# More than this, and it does for one player's replies on the whole tree.
MOST_REPLIES = 400

# So many equilibria of a game are tried on the whole tree.
MOST_TRIED = 3

# In bytes: what does not fit says so instead of taking the machine's memory.
MOST_MEMORY = 2 << 30


# Marks, in a play, what stands for a choice that is left open.
OPEN = "open"


class Undecided(Exception):
    """A subgame in which more than two players have a choice, or with too many answers."""


def solve(root, players, honest):
    """The equilibria of a game: payoffs and play, from the last subgame to the first.

    Also says whether some choice is left open that nobody comes to and that honest play decides.
    """
    unsettled = []
    totals = {label: len(nodes) for label, nodes in infosets(root).items()}

    def go(node):
        # Solutions of the inner subgames replace them; several mean several games.
        def inner(n):
            for child in n.children:
                if child.kind != "t" and is_subgame(child, totals):
                    yield child
                else:
                    yield from inner(child)

        games = [({}, {})]
        for sub in list(inner(node)):
            solved = go(sub)
            games = [
                ({**values, id(sub): payoffs}, {**play, **more})
                for values, play in games
                for payoffs, more in solved
            ]
            if len(games) > 64:
                raise Undecided("too many combinations")
        results = []
        for values, play in games:
            for payoffs, more in solve_flat(replaced(node, values, node)):
                results.append((payoffs, {**play, **more}))
        return results

    def replaced(node, values, top):
        if node is not top and id(node) in values:
            return Node("t", None, "", [], None, values[id(node)])
        copy = Node(node.kind, node.player, node.label, node.actions, node.probabilities, node.payoffs)
        copy.children = [replaced(c, values, top) for c in node.children]
        return copy

    def solve_flat(node):
        gone = dominated(node)
        for label, nodes in infosets(node).items():
            alive = [n for n in reached(node, gone) if n.label == label and n.kind == "p"]
            left = [a for a in nodes[0].actions if (label, a) not in gone]
            if not alive and len(left) > 1:
                unsettled.append(label)
        settled = {}
        for label, nodes in infosets(node).items():
            left = [a for a in nodes[0].actions if (label, a) not in gone]
            if len(left) == 1:
                settled[label] = {left[0]: Fraction(1)}
            elif label in unsettled:
                # Nobody who plays on gets here: any choice that is left stands for all.
                settled[OPEN, label] = {left[0]: Fraction(1)}
        active = sorted(
            {
                n.player
                for n in reached(node, gone)
                if n.kind == "p" and n.label not in settled
            }
        )
        if not active:
            return [(expected(node, settled, gone), settled)]
        if len(active) > 2:
            raise Undecided("more than two players")
        if strategies(node, gone, active) > MOST_STRATEGIES:
            raise Undecided("too many strategies")
        shown = active if len(active) == 2 else [active[0], (active[0] + 1) % len(players)]
        names = " ".join(f'"{players[p]}"' for p in shown)
        out = [f'EFG 2 R "subgame" {{ {names} }}', '""']
        write(node, players, {"t": 0, "c": 0}, out, gone, shown)
        game = pygambit.read_efg(io.StringIO("\n".join(out) + "\n"))
        found = []
        for profile in pygambit.nash.enummixed_solve(game, rational=True).equilibria:
            play = dict(settled)
            labels = labels_by_player(node, gone, shown, settled)
            described = profile.as_behavior()
            for player, sets in labels.items():
                for label, entry in zip(sets, described[players[player]]):
                    # Newer versions give each mixed action with its place in the tree.
                    actions = entry[1] if isinstance(entry, tuple) else entry
                    play[label] = {
                        a: Fraction(str(actions[a])) for a in left_actions(node, label, gone)
                    }
            found.append((expected(node, play, gone), play))
        return found

    # Only where honest play says what to do.
    return go(root), any(label in honest for label in unsettled)


def strategies(node, gone, active):
    """How many pure strategies the players together still have."""
    return sum(replies(node, player, gone) for player in active)


def left_actions(node, label, gone):
    return [a for a in infosets(node)[label][0].actions if (label, a) not in gone]


def labels_by_player(node, gone, shown, settled):
    """Information sets in the order in which they were written, by player."""
    labels = {p: [] for p in shown}

    def go(n):
        if n.kind == "t":
            return
        if n.kind == "p" and n.label not in settled and n.label not in labels[n.player]:
            labels[n.player].append(n.label)
        for index, child in enumerate(n.children):
            if n.kind == "c" or (n.label, n.actions[index]) not in gone:
                go(child)

    go(node)
    return labels


def check(case):
    players, root = parse(case["efg"])
    honest = case["honest"]
    if case["limited"] or not case["equilibria"] and not case["complete"]:
        # Left open by the solver: there is nothing to compare.
        return None
    try:
        found, unsettled = solve(root, players, honest)
    except Undecided:
        return None
    ours = {tuple(Fraction(p) for p in e) for e in case["equilibria"]}
    theirs = {tuple(payoffs) for payoffs, _ in found}
    if ours != theirs:
        return f"equilibrium payoffs differ: {sorted(ours)} here {sorted(theirs)}"
    all_honest = bool(found) and all(
        play.get(label, {}).get(action, Fraction(0)) == 1
        for _, play in found
        for label, action in honest.items()
    )
    unique = all_honest and len(found) == 1 and not unsettled
    if unique != case["honest_play_pays"]:
        return f"honest play is the only equilibrium: {case['honest_play_pays']}, here {unique}"
    if case["complete"] == unsettled:
        return f"all choices are settled: {case['complete']}, here {not unsettled}"
    if case["deviates"] and any(
        all(play.get(l, {}).get(a, Fraction(0)) == 1 for l, a in honest.items()) for _, play in found
    ):
        return "called no equilibrium, and it is one"
    return whole(players, root, found)


def whole(players, root, found):
    """Gambit on the whole tree: nobody has a better reply than what the equilibrium pays. Says how many it tried."""
    tried = 0
    for payoffs, play in found[:MOST_TRIED]:
        for player in range(len(players)):
            alone = against(root, play, player)
            if not 1 < replies(alone, player) <= MOST_REPLIES:
                continue
            best = best_reply(alone, players, player)
            if best != payoffs[player]:
                return f"{players[player]} gets {payoffs[player]}, and {best} for the best reply on the whole tree"
            tried += 1
    return tried


def against(node, play, player):
    """The tree that is left to one player when the others play as said."""
    if node.kind == "t":
        return node
    weights, kept = node.probabilities, list(zip(node.actions, node.children))
    if node.kind == "p" and node.player != player:
        chosen = play.get(node.label) or play.get((OPEN, node.label)) or {node.actions[0]: Fraction(1)}
        kept = [(a, c) for a, c in kept if chosen.get(a)]
        weights = [chosen[a] for a, _ in kept]
        if len(kept) == 1:
            return against(kept[0][1], play, player)
    kind = node.kind if node.player == player else "c"
    made = Node(kind, node.player, node.label, [a for a, _ in kept], weights, None)
    made.children = [against(c, play, player) for _, c in kept]
    return made


def replies(root, player, gone=frozenset()):
    """How many pure strategies a player has, choices that it rules out itself left out."""
    after = {}

    def go(node, last):
        for action, child in zip(node.actions, node.children):
            if node.kind == "p" and (node.label, action) in gone:
                continue
            if node.kind == "p" and node.player == player:
                after.setdefault(last, {}).setdefault(node.label, set()).add(action)
                go(child, (node.label, action))
            else:
                go(child, last)

    def ways(last):
        product = 1
        for label, actions in after.get(last, {}).items():
            product *= sum(ways((label, a)) for a in actions)
        return product

    go(root, None)
    return ways(None)


def best_reply(alone, players, player):
    shown = [player, (player + 1) % len(players)]
    names = " ".join(f'"{players[p]}"' for p in shown)
    out = [f'EFG 2 R "alone" {{ {names} }}', '""']
    write(alone, players, {"t": 0, "c": 0}, out, set(), shown)
    game = pygambit.read_efg(io.StringIO("\n".join(out) + "\n"))
    best = {Fraction(str(e.payoffs[players[player]])) for e in pygambit.nash.enumpure_solve(game).equilibria}
    assert len(best) == 1, best
    return best.pop()


def main():
    cases = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
    counts = {"checked": 0, "undecided": 0, "unique": 0, "unique_undecided": 0, "several": 0, "whole": 0, "replies": 0}
    for number, case in enumerate(cases):
        said = check(case)
        if isinstance(said, str):
            print(f"case {number} ({case['name']}): {said}")
            sys.exit(1)
        counts["undecided" if said is None else "checked"] += 1
        counts["unique_undecided"] += said is None and case["honest_play_pays"]
        counts["unique"] += case["honest_play_pays"]
        counts["several"] += len(case["equilibria"]) > 1
        counts["whole"] += bool(said)
        counts["replies"] += said or 0
    print(json.dumps({"gambit": pygambit.__version__, **counts}))


if __name__ == "__main__":
    sys.setrecursionlimit(10_000)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    main()
