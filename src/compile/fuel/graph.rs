//! Points of the control flow, and the paths between them that may add to the count.
//!
//! Adding nothing on a path fixes the difference of its ends' `d`. Paths that add nothing therefore must not form a
//! cycle, unless its costs happen to cancel out; a spanning tree is as many of them as always fit. The best one is the
//! heaviest (Knuth 1973; Ball and Larus 1994): Kruskal's algorithm, on a union-find that carries differences along.

use super::Place;
use std::ops::Index;

/// A point of the control flow with a `d` of its own.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct Node(u32);

impl Node {
    /// All pinned points.
    pub(super) const PINNED: Node = Node(0);
}

/// A path without branches.
#[derive(Copy, Clone, Debug)]
pub(super) struct Edge {
    pub(super) from: Node,
    pub(super) to: Node,
    pub(super) cost: u32,
    /// How much it is worth that nothing is added here.
    pub(super) weight: f32,
    pub(super) place: Place,
}

/// Paths are added in the order of their places.
pub(super) struct Graph {
    nodes: u32,
    edges: Vec<Edge>,
}

/// `d` of every point.
pub(super) struct Ahead(Vec<i64>);

impl Index<Node> for Ahead {
    type Output = i64;

    fn index(&self, node: Node) -> &i64 {
        &self.0[node.0 as usize]
    }
}

impl Graph {
    pub(super) fn new() -> Graph {
        Graph {
            nodes: 1,
            edges: Vec::new(),
        }
    }

    pub(super) fn node(&mut self) -> Node {
        let node = Node(self.nodes);
        self.nodes += 1;
        node
    }

    pub(super) fn edge(&mut self, edge: Edge) {
        self.edges.push(edge);
    }

    pub(super) fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// Chooses `d` of all points, that of the pinned ones being 0.
    pub(super) fn solve(&self) -> Ahead {
        let mut order: Vec<usize> = (0..self.edges.len())
            .filter(|&i| self.edges[i].from != self.edges[i].to)
            .collect();
        // Stable, so that equal weights do not make the plan depend on the sort.
        order.sort_by(|&a, &b| self.edges[b].weight.total_cmp(&self.edges[a].weight));
        let mut sets = Sets::new(self.nodes);
        for i in order {
            let Edge { from, to, cost, .. } = self.edges[i];
            sets.relate(from, to, -i64::from(cost));
        }
        let (pinned, offset) = sets.find(Node::PINNED);
        let ahead = (0..self.nodes).map(|node| {
            let (root, above) = sets.find(Node(node));
            debug_assert_eq!(root, pinned, "a node that nothing leads to");
            above - offset
        });
        Ahead(ahead.collect())
    }
}

/// Disjoint sets in which the differences of `d` are known.
struct Sets {
    parent: Vec<Node>,
    /// `d` less the parent's; 0 for roots.
    above: Vec<i64>,
}

impl Sets {
    fn new(nodes: u32) -> Sets {
        Sets {
            parent: (0..nodes).map(Node).collect(),
            above: vec![0; nodes as usize],
        }
    }

    /// Makes `d(to) = d(from) + difference`, unless what is known determines it already.
    fn relate(&mut self, from: Node, to: Node, difference: i64) {
        let (from, from_above) = self.find(from);
        let (to, to_above) = self.find(to);
        if from != to {
            self.parent[to.0 as usize] = from;
            self.above[to.0 as usize] = from_above + difference - to_above;
        }
    }

    /// The root of a set and how far `d` is above the root's. Halves the path.
    fn find(&mut self, node: Node) -> (Node, i64) {
        let mut node = node;
        let mut above = 0;
        loop {
            let at = node.0 as usize;
            let parent = self.parent[at];
            if parent == node {
                return (node, above);
            }
            self.above[at] += self.above[parent.0 as usize];
            self.parent[at] = self.parent[parent.0 as usize];
            above += self.above[at];
            node = self.parent[at];
        }
    }
}
