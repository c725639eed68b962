#![doc = include_str!("../README.md")]

pub mod backtest;
pub mod cli;
pub mod dataset;
pub mod demo;
pub mod shop;
pub mod system;
pub mod verify;
