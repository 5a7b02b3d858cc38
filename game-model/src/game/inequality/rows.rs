//! The inequalities.

use super::Inequality;
use super::symbols::Symbols;
use crate::rational::{Rational, exact};

fn row(name: &'static str, formula: &'static str, left: Rational, right: Rational) -> Inequality {
    Inequality {
        name,
        formula,
        left,
        right,
    }
}

impl Symbols {
    /// All of them, in the order in which they are printed.
    pub(in crate::game) fn rows(&self) -> Vec<Inequality> {
        let list = [
            self.participation(),
            self.worker_deviations(),
            self.disputes(),
            self.side_payments(),
            self.leagues(),
            self.arbiters(),
        ];
        list.into_iter().flatten().collect()
    }

    fn participation(&self) -> Vec<Inequality> {
        vec![
            row(
                "client takes part",
                "R > c + retainers",
                self.r.clone(),
                &self.c + &self.retainer * exact(self.n),
            ),
            row(
                "worker takes part",
                "ρc > z + fee of S3",
                self.rho_c.clone(),
                &self.z + &self.f_claim,
            ),
            row(
                "verifier takes part",
                "φ > y",
                self.phi.clone(),
                self.y.clone(),
            ),
            row(
                "verifier lives",
                "φ + βv > y",
                &self.phi + &self.beta_v,
                self.y.clone(),
            ),
        ]
    }

    fn worker_deviations(&self) -> Vec<Inequality> {
        let honest = &self.rho_c - &self.z - &self.f_claim;
        let late = &self.rho_c - &self.z - &self.f_delivery - &self.f_late;
        vec![
            row(
                "skip",
                "ρc − z − fee of S3 > −δw − f",
                honest.clone(),
                -self.penalty(),
            ),
            row(
                "time-out",
                "ρc − z − fee of S3 > −αw",
                honest,
                -self.alpha_w.clone(),
            ),
            row(
                "late settlement",
                "ρc − z − fees of TxD and S2 > −αw",
                late,
                -self.alpha_w.clone(),
            ),
            row(
                "target",
                "p(ρc − fee of S3 + δw + f) > (1−p)B",
                &self.p * (&self.rho_c - &self.f_claim + self.penalty()),
                self.missed() * &self.gain,
            ),
            self.giving_up(),
        ]
    }

    fn giving_up(&self) -> Inequality {
        match self.pays_rejection {
            false => row(
                "rejected worker gives up",
                "αw > δw + f",
                self.alpha_w.clone(),
                self.admitted(),
            ),
            true => row(
                "S1 can pay a rejection",
                "αw > φ + b",
                self.alpha_w.clone(),
                &self.phi + &self.b,
            ),
        }
    }

    fn disputes(&self) -> Vec<Inequality> {
        let u = self.u();
        let p_g = exact(1) - &self.e2 - &self.e5;
        let admitted = -self.penalty();
        let fought = -(p_g * &self.w) + &self.e2 * (&self.c - &self.f_acquitted + &self.gain)
            - &self.e5 * &self.eps_w
            - &self.f_delivery
            - &self.f_appeal;
        let bounty = &self.phi + &self.b;
        let blind = -(self.p_i() * &self.v) + &self.e1 * &bounty - &self.e5 * &self.eps_v;
        vec![
            row(
                "honest appeals rather than time out",
                "U − z > −αw",
                &u - &self.z,
                -self.alpha_w.clone(),
            ),
            row(
                "honest appeals rather than skip",
                "U − z > −δw − f",
                &u - &self.z,
                admitted.clone(),
            ),
            row(
                "honest appeals rather than target",
                "p(U + δw + f) > (1−p)·p_I·B",
                &self.p * (&u + self.penalty()),
                self.missed() * self.p_i() * &self.gain,
            ),
            row(
                "guilty admits",
                "−δw − f > −p_G·w + e2(c + B) − e5·εw − fees",
                admitted,
                fought,
            ),
            row(
                "no blind verdict",
                "φ − y > −p_I·v + e1(φ + b) − e5·εv",
                &self.phi - &self.y,
                blind,
            ),
            row(
                "rejection is worth its fees",
                "b > fees of TxV0 and S4'",
                self.b.clone(),
                self.f_rejecting.clone(),
            ),
        ]
    }

    /// Against promises between worker and verifier; with h for what catching costs in fees. The first three are also
    /// necessary: what a promise can do at most is in [`crate::game::Promise`].
    fn side_payments(&self) -> Vec<Inequality> {
        if !self.bribes {
            return Vec::new();
        }
        let net = self.net_bounty();
        let looked_at =
            self.missed() * (&self.rho_c - &self.f_claim + &self.gain) - &self.p * self.penalty();
        vec![
            row(
                "bribe",
                "p(b − h) > B + y",
                &self.p * &net,
                &self.gain + &self.y,
            ),
            row(
                "bribe of an idle worker",
                "b − h > z + y",
                net,
                &self.z + &self.y,
            ),
            row(
                "bribe after a delivery",
                "p(b − fees of TxV0 and S4' + TxV1) > max(B, pz)",
                &self.p * (&self.b - &self.f_rejecting + &self.f_approval),
                (&self.p * &self.z).max(self.gain.clone()),
            ),
            row(
                "honest appeals rather than bribe",
                "U > (1−p)(ρc − fee of S3 + B) − p(δw + f)",
                self.u(),
                looked_at,
            ),
        ]
    }

    /// Against one owner of worker and verifier, as far as something stands against it.
    fn leagues(&self) -> Vec<Inequality> {
        if !self.bribes {
            return Vec::new();
        }
        let gained = &self.z + &self.y + &self.gain;
        vec![
            row(
                "league by silence",
                "φ + βv > z + y + B",
                &self.phi + &self.beta_v,
                gained.clone(),
            ),
            row(
                "league by a ruling",
                "v > z + y + B",
                self.v.clone(),
                gained,
            ),
        ]
    }

    fn arbiters(&self) -> Vec<Inequality> {
        // The largest majority shares the pot in the most parts.
        let pot = (&self.w - &self.phi - &self.b) / exact(self.n);
        let mut rows = vec![
            row(
                "arbiters check rather than be silent",
                "εa > g",
                self.eps_a.clone(),
                self.g.clone(),
            ),
            row(
                "arbiters check rather than guess",
                "pot/n − g > −a",
                pot.floor() - &self.g,
                -self.a.clone(),
            ),
        ];
        if let Some(locking) = &self.locking {
            rows.push(row(
                "arbiters take part",
                "retainer > cost of locking a + retainer",
                self.retainer.clone(),
                (&self.a + &self.retainer) * locking,
            ));
        }
        rows
    }
}
