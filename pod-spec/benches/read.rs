//! How long it takes to read a manifest, beside a reader that checks nothing.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use k8s_openapi::api::core::v1::Pod as UncheckedPod;
use pod_spec::{Pod, Quantity};

const MANIFEST: &str = include_str!("../tests/data/valid/shop.yaml");

fn manifest(c: &mut Criterion) {
    let mut group = c.benchmark_group("manifest");
    group.bench_function("from_yaml and validate", |b| {
        b.iter(|| {
            Pod::from_yaml(black_box(MANIFEST)).and_then(Pod::validate).expect("a valid pod")
        });
    });
    group.bench_function("serde_yaml into k8s-openapi", |b| {
        b.iter(|| serde_yaml::from_str::<UncheckedPod>(black_box(MANIFEST)).expect("a pod"));
    });
    group.bench_function("from_yaml", |b| {
        b.iter(|| Pod::from_yaml(black_box(MANIFEST)).expect("a pod"));
    });
    let pod = Pod::from_yaml(MANIFEST).expect("a pod");
    group.bench_function("clone and validate", |b| {
        b.iter(|| black_box(&pod).clone().validate().expect("a valid pod"));
    });
    group.bench_function("clone", |b| b.iter(|| black_box(&pod).clone()));
    group.bench_function("to_yaml", |b| b.iter(|| black_box(&pod).to_yaml().expect("YAML")));
    group.finish();
}

fn quantity(c: &mut Criterion) {
    let mut group = c.benchmark_group("quantity");
    for text in ["500m", "1.5Gi"] {
        group.bench_function(text, |b| {
            b.iter(|| black_box(text).parse::<Quantity>().expect("a quantity"));
        });
    }
    group.finish();
}

criterion_group!(benches, manifest, quantity);
criterion_main!(benches);
