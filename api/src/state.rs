use std::sync::Arc;

use sluice_connectors::kafka::producer::Producer;
use sluice_connectors::postgres::Pool;
use sluice_connectors::scylla::Session;
use sluice_schemas::codec::Codecs;
use sluice_schemas::forecast::{Forecast, Plan};

use crate::auth::throttle::Throttle;
use crate::data::rates::Rates;
use crate::data::travel;
use crate::live::{Hub, replay};
use crate::{Options, Outside, Stages};

/// Plays a plan to its end. The schedule is the pipeline's, which this package does not see.
pub type Forecaster = fn(&Plan) -> Forecast;

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct State {
    /// How it is served.
    pub options: Arc<Options>,
    /// Configuration, control and projections.
    pub pool: Pool,
    /// Message history; `None` where a process has none.
    pub history: Option<Session>,
    /// The cluster.
    pub(crate) kafka: Arc<sluice_connectors::kafka::Options>,
    /// Writes commands.
    pub producer: Producer,
    /// Records' codecs.
    pub codecs: Codecs,
    /// Changes as they happen; fed by the task that reads the topics.
    pub hub: Hub,
    /// Reads changes again from Kafka, for streams that are resumed.
    pub replay: replay::Reader,
    /// Reads what a conversation was at a moment.
    pub(crate) travel: travel::Reader,
    /// How each stage keeps up; fed by the task that measures.
    pub stages: Stages,
    /// Settled units of each campaign over the last minutes.
    pub(crate) rates: Arc<Rates>,
    /// Plays a campaign's plan on the ledger's own schedule.
    pub(crate) forecast: Forecaster,
    /// Meta and files; `None` where a process has no keys.
    pub(crate) outside: Option<Outside>,
    /// Failed logins.
    pub(crate) logins: Arc<Throttle>,
}

impl State {
    /// The state of a process, with an empty hub and no measurements yet.
    pub fn new(
        options: Options,
        kafka: &sluice_connectors::kafka::Options,
        pool: Pool,
        history: Option<Session>,
        producer: Producer,
        codecs: Codecs,
        forecast: Forecaster,
    ) -> Self {
        Self {
            options: Arc::new(options),
            pool,
            history,
            kafka: Arc::new(kafka.clone()),
            producer,
            replay: replay::Reader::new(kafka, codecs.clone()),
            travel: travel::Reader::new(kafka, codecs.clone()),
            codecs,
            hub: Hub::default(),
            stages: Stages::default(),
            rates: Arc::default(),
            forecast,
            outside: None,
            logins: Arc::default(),
        }
    }

    /// The same with a way to Meta and to files.
    #[must_use]
    pub fn with(self, outside: Outside) -> Self {
        Self { outside: Some(outside), ..self }
    }
}
