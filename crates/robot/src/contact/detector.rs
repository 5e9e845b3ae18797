//! From the arm's state to a score, in one step.

use neuraxis_core::Joints;

use crate::contact::{Bank, Cells, ContactError, ContactFault, FrictionNet, Observer, Scales, Score};

/// What a step says.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Contact {
    /// Torque that nothing explains: the observer's, less the network's [N m].
    pub unexplained_nm: Joints,
    /// Its means over the horizons [N m].
    pub means_nm: Cells,
    /// The strangest of them.
    pub score: Score,
}

impl Contact {
    /// The greatest unexplained torque over the joints [N m].
    pub fn most_nm(&self) -> f64 {
        self.unexplained_nm.iter().fold(0.0, |most, nm| most.max(nm.abs()))
    }
}

/// Observer, friction network and bank. Memory of a step: a few hundred numbers; no heap.
#[derive(Clone, Debug)]
pub struct Detector {
    observer: Observer,
    friction: Option<FrictionNet>,
    /// The network's torque, as late as the observer's.
    explained_nm: Joints,
    bank: Bank,
    scales: Scales,
}

impl Detector {
    /// Without a network nothing is explained, and the scales must hold all friction.
    pub fn new(observer: Observer, friction: Option<FrictionNet>, scales: Scales) -> Result<Self, ContactError> {
        let wanted = observer.outside_nm().len();
        for (what, given) in [
            ("joints of the scales", scales.dof()),
            ("joints of the network", friction.as_ref().map_or(wanted, FrictionNet::dof)),
        ] {
            if given != wanted {
                return Err(ContactError::Shape { what, given, wanted });
            }
        }
        Ok(Self { observer, friction, explained_nm: Joints::zeros(wanted), bank: Bank::new(wanted), scales })
    }

    /// Another step, `dt_secs` after the last: measured positions [rad], velocities [rad/s], torques [N m]. A fault
    /// changes nothing; the step after it only looks. No allocation.
    pub fn step(&mut self, q: &Joints, qd: &Joints, tau_nm: &Joints, dt_secs: f64) -> Result<Contact, ContactFault> {
        let mut unexplained_nm = self.observer.step(q, qd, tau_nm, dt_secs)?;

        // The state explains friction now; the observer shows it late. Through the same filter both are as late.
        if let Some(friction) = &self.friction {
            let now_nm = friction.torque(q, qd);
            if !now_nm.is_finite() {
                return Err(ContactFault::NotFinite);
            }
            let share = self.observer.rate_hz() * dt_secs;
            for (explained, now) in self.explained_nm.iter_mut().zip(now_nm.iter()) {
                *explained = (*explained + share * now) / (1.0 + share);
            }
        }
        for (unexplained, explained) in unexplained_nm.iter_mut().zip(self.explained_nm.iter()) {
            *unexplained -= explained;
        }

        let means_nm = self.bank.step(&unexplained_nm, dt_secs)?;
        Ok(Contact { unexplained_nm, means_nm, score: self.scales.score(&means_nm) })
    }

    /// Starts anew, say after a pause; the first tenths of a second then count for little.
    pub fn reset(&mut self) {
        self.observer.reset();
        self.explained_nm = Joints::zeros(self.explained_nm.len());
        self.bank = Bank::new(self.explained_nm.len());
    }

    /// The observer, for [`super::Sample`]s.
    pub fn observer(&self) -> &Observer {
        &self.observer
    }

    /// Other scales, say with a threshold in them.
    pub fn rescale(&mut self, scales: Scales) -> Result<(), ContactError> {
        let (given, wanted) = (scales.dof(), self.scales.dof());
        if given != wanted {
            return Err(ContactError::Shape { what: "joints of the scales", given, wanted });
        }
        self.scales = scales;
        Ok(())
    }
}
