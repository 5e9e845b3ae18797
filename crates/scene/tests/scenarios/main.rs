//! The scene from clouds of exact shapes, with noise, hands in front and things that vanish.

mod a_hand_takes_a_block;
mod cloud;
mod equal_blocks_are_mistaken;
mod facts_are_true_false_or_unknown;
mod shapes_are_segmented;
