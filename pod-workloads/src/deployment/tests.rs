use super::*;
use crate::rollout::{Rollout, rollout};
use pod_spec::PodPhase;
use pod_spec::status::ConditionStatus;

/// A Deployment in virtual time, whose pods become ready when they are told to.
struct World {
    deployment: Deployment,
    pods: Vec<Replica>,
    now: Time,
    made: usize,
}

impl World {
    fn new(spec: &str) -> Self {
        let text = format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web, generation: 1}}, spec: {{{spec}, \
             selector: {{matchLabels: {{app: web}}}}, template: {{metadata: {{labels: {{app: web}}}}, \
             spec: {{containers: [{{name: a, image: one}}]}}}}}}}}"
        );
        let deployment = Deployment::from_yaml(&text).unwrap().validate().unwrap();
        Self { deployment, pods: Vec::new(), now: Time::default(), made: 0 }
    }

    /// Looks once, and does what is planned: pods that are deleted are gone at once.
    fn look(&mut self) -> Plan<DeploymentStatus> {
        let plan = self.deployment.plan(&mut (), &self.pods, self.now);
        self.deployment.set_status(plan.status.clone());
        self.pods.retain(|pod| !plan.delete.contains(&pod.name));
        for index in &plan.create {
            let mut pod = self.deployment.template().pod("default", "");
            self.deployment.mark(*index, &mut pod);
            self.made += 1;
            let template = pod.metadata.labels.get(TEMPLATE_HASH).cloned();
            self.pods.push(Replica { template, ..Replica::made(self.made, None, self.now) });
        }
        plan
    }

    fn make_ready(&mut self) {
        let now = self.now;
        self.pods.iter_mut().for_each(|pod| _ = pod.ready.get_or_insert(now));
    }

    /// Looks and makes ready until nothing is left to be done. Returns the most and the fewest ready pods seen meanwhile.
    fn settle(&mut self) -> (usize, usize) {
        let (mut most, mut fewest) = (0, usize::MAX);
        for _ in 0..50 {
            let plan = self.look();
            most = most.max(self.pods.len());
            fewest = fewest.min(self.pods.iter().filter(|pod| pod.ready.is_some()).count());
            if plan.create.is_empty() && plan.delete.is_empty() && self.is_done() {
                return (most, fewest);
            }
            self.make_ready();
        }
        panic!("it never settles: {:?}", self.pods);
    }

    fn is_done(&self) -> bool {
        rollout(&self.deployment).is_done()
    }

    fn change_image(&mut self) {
        self.deployment.spec.template.spec.containers[0].image = "two".to_owned();
        self.deployment.metadata.generation = self.deployment.metadata.generation.map(|g| g + 1);
    }

    fn progressing(&self) -> (ConditionStatus, String) {
        let status = self.deployment.status.as_ref().unwrap();
        let condition = conditions::of_deployment(&status.conditions, "Progressing").unwrap();
        (condition.status, condition.reason.clone().unwrap())
    }
}

#[test]
fn pods_are_made_until_there_are_enough() {
    let mut world = World::new("replicas: 3");
    assert_eq!(world.look().create.len(), 3);
    assert_eq!(world.look().create.len(), 0);
    world.make_ready();
    world.look();
    assert!(world.is_done());
    let status = world.deployment.status.clone().unwrap();
    assert_eq!((status.ready_replicas, status.unavailable_replicas), (Some(3), Some(0)));
    assert_eq!(world.progressing(), (ConditionStatus::True, COMPLETE.to_owned()));
}

#[test]
fn one_that_is_deleted_or_has_failed_is_put_back() {
    let mut world = World::new("replicas: 2");
    world.settle();
    world.pods[0].deleted = true;
    assert_eq!(world.look().create.len(), 1);
    world.pods.retain(|pod| !pod.deleted);
    world.settle();
    world.pods[0].phase = PodPhase::Failed;
    world.pods[0].ready = None;
    let failed = world.pods[0].name.clone();
    let plan = world.look();
    assert_eq!((plan.create.len(), plan.delete), (1, vec![failed]));
    // That is no change of the template, which could take too long.
    assert_eq!(world.progressing().1, COMPLETE);
}

#[test]
fn new_pods_come_before_old_ones_go() {
    let mut world =
        World::new("replicas: 4, strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}");
    world.settle();
    world.change_image();
    assert!(!world.is_done());
    assert_eq!(world.settle(), (5, 4));
    let one = &world.pods[0].template;
    assert!(world.pods.len() == 4 && world.pods.iter().all(|pod| pod.template == *one));
}

#[test]
fn old_pods_may_go_before_new_ones_come() {
    let mut world =
        World::new("replicas: 4, strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}");
    world.settle();
    world.change_image();
    assert_eq!(world.settle(), (4, 3));
}

#[test]
fn shares_are_rounded_so_that_something_can_be_replaced() {
    for (share, replicas, wanted) in
        [("25%", 4, (1, 1)), ("25%", 1, (1, 0)), ("25%", 10, (3, 2)), ("0%", 3, (0, 1))]
    {
        let world = World::new(&format!(
            "strategy: {{rollingUpdate: {{maxSurge: {share}, maxUnavailable: 25%}}}}"
        ));
        let mut deployment = world.deployment;
        if share == "0%" {
            let rolling = deployment.spec.strategy.rolling_update.as_mut().unwrap();
            rolling.max_unavailable = Some(IntOrString::from("0%"));
        }
        assert_eq!(limits(&deployment, replicas), wanted, "{share} of {replicas}");
    }
}

#[test]
fn with_recreate_all_go_before_one_comes() {
    let mut world = World::new("replicas: 2, strategy: {type: Recreate}");
    world.settle();
    world.change_image();
    let old = world.pods.clone();
    let plan = world.look();
    assert_eq!((plan.delete.len(), plan.create.len()), (2, 0));
    // They take their time to go.
    world.pods = old.into_iter().map(|pod| Replica { deleted: true, ..pod }).collect();
    assert_eq!(world.look().create.len(), 0);
    world.pods.clear();
    assert_eq!(world.look().create.len(), 2);
}

#[test]
fn fewer_pods_are_wanted_and_those_that_do_not_serve_go_first() {
    let mut world = World::new("replicas: 3");
    world.settle();
    world.pods[1].ready = None;
    world.deployment.spec.replicas = Some(2);
    let idle = world.pods[1].name.clone();
    assert_eq!(world.look().delete, [idle]);
    world.deployment.spec.replicas = Some(0);
    assert_eq!(world.look().delete.len(), 2);
}

#[test]
fn a_pod_counts_when_it_was_ready_for_long_enough() {
    let mut world = World::new("replicas: 1, minReadySeconds: 10");
    world.look();
    world.make_ready();
    let plan = world.look();
    assert_eq!(plan.status.available_replicas, Some(0));
    let later = Time::default() + Duration::from_secs(10);
    assert_eq!(plan.again, Some(later));
    world.now = later;
    assert_eq!(world.look().status.available_replicas, Some(1));
}

#[test]
fn a_change_that_does_not_go_on_is_told() {
    let mut world = World::new("replicas: 1, progressDeadlineSeconds: 60");
    let began = world.now;
    let mut again = world.look().again;
    again = again.max(world.look().again);
    let late = began + Duration::from_secs(60);
    assert_eq!(again, Some(late));
    world.now = late;
    world.look();
    assert_eq!(world.progressing(), (ConditionStatus::False, LATE.to_owned()));
    assert!(matches!(rollout(&world.deployment), Rollout::Late(_)));
    // It goes on all the same.
    world.make_ready();
    world.look();
    assert!(world.is_done());
}
