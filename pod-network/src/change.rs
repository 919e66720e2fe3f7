//! One change of what is attached, under the lock.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use ipnet::IpNet;

use crate::bridge::{self, Ready};
use crate::firewall::{Firewall, Published, Rules};
use crate::netlink::Netlink;
use crate::range::{self, Ranges};
use crate::record::{Lock, Record, Records, refuse_taken};
use crate::step::{Step, done};
use crate::{
    Attached, Attachment, Bridge, Cni, Network, NetworkError, Networks, Pasta, Repair, Resolver,
    bring_up_loopback, cni, host, hosts, pasta,
};

/// What a name server listens at.
const DOMAIN: u16 = 53;

/// The right to change, with what is there.
pub(crate) struct Change<'a> {
    bridge: &'a str,
    store: Records,
    records: Vec<Record>,
    netlink: Netlink,
    /// Whether links end by themselves, with the namespaces that they lead to.
    links_end: bool,
    _lock: Lock,
}

impl<'a> Change<'a> {
    /// Waits for the lock and reads what is there.
    pub(crate) fn begin(networks: &'a Networks) -> Result<Self, NetworkError> {
        let store = Records::new(&networks.dir);
        let lock = store.lock()?;
        let records = store.all()?;
        Ok(Self {
            bridge: &networks.bridge,
            store,
            records,
            netlink: Netlink::here()?,
            links_end: false,
            _lock: lock,
        })
    }

    /// As [`Networks::attach`].
    pub(crate) fn attach(
        &mut self,
        network: &Network,
        pod: &Attachment,
        netns: BorrowedFd<'_>,
    ) -> Result<Attached, NetworkError> {
        match self.take(&pod.id) {
            Some(record) if self.is_whole(&record)? => return Ok(record.attached),
            Some(record) => self.take_back(record, Some(netns))?,
            None => {}
        }
        refuse_taken(&self.records, &pod.ports)?;
        let mut record = self.new_record(network, pod);
        match self.make(&mut record, network, netns) {
            Ok(()) => Ok(record.attached),
            Err(error) => match self.take_back(record, Some(netns)) {
                Ok(()) => Err(error),
                Err(undoing) => Err(NetworkError::Several(vec![error, undoing])),
            },
        }
    }

    /// As [`Networks::detach`].
    pub(crate) fn detach(
        &mut self,
        id: &str,
        netns: Option<BorrowedFd<'_>>,
    ) -> Result<(), NetworkError> {
        self.take(id).map_or(Ok(()), |record| self.take_back(record, netns))
    }

    /// As [`Networks::release`].
    pub(crate) fn release(
        &mut self,
        id: &str,
        netns: Option<BorrowedFd<'_>>,
    ) -> Result<(), NetworkError> {
        self.links_end = true;
        self.detach(id, netns)
    }

    /// As [`Networks::tidy`].
    pub(crate) fn tidy(&mut self) -> Result<(), NetworkError> {
        if self.records.iter().any(Record::is_bridged) {
            return Ok(());
        }
        NetworkError::gather(self.remove_shared())
    }

    /// As [`Networks::repair`].
    pub(crate) fn repair(&mut self, alive: &dyn Fn(&str) -> bool) -> Result<Repair, NetworkError> {
        let mut repair = Repair::default();
        let mut errors = Vec::new();
        let gone = |record: &&Record| !record.complete || !alive(record.id());
        let gone: Vec<String> =
            self.records.iter().filter(gone).map(|record| record.id().to_owned()).collect();
        for id in gone {
            match self.detach(&id, None) {
                Ok(()) => repair.released.push(id),
                Err(error) => errors.push(error),
            }
        }
        errors.extend(self.store.remove_half_written().err());
        errors.extend(self.mend_bridge(&mut repair).err());
        errors.extend(self.collect_garbage());
        if hosts::renew(&self.records.iter().collect::<Vec<_>>()) {
            repair.mended.push("the names of pods".to_owned());
        }
        NetworkError::gather(errors).map(|()| repair)
    }

    /// Whether a second attachment finds all of a first. With its namespace the kernel takes a pod's link away.
    fn is_whole(&mut self, record: &Record) -> Result<bool, NetworkError> {
        match &record.interface {
            Some(interface) if record.complete => Ok(self.netlink.link(interface)?.is_some()),
            _ => Ok(record.complete),
        }
    }

    /// Has plugins forget what no record of ours names. Not those of the machine's own configuration: other runtimes use
    /// it too, and their pods would be taken for garbage.
    fn collect_garbage(&self) -> Vec<NetworkError> {
        let system = Cni::system();
        let mut configurations: Vec<&Cni> = Vec::new();
        for record in &self.records {
            if let Network::Cni(cni) = &record.network
                && cni.conf_dir != system.conf_dir
                && !configurations.contains(&cni)
            {
                configurations.push(cni);
            }
        }
        let collect = |cni: &Cni| {
            let uses = |record: &&Record| record.network == Network::Cni(cni.clone());
            let alive = self.records.iter().filter(uses).map(|record| record.id().to_owned());
            cni::collect_garbage(cni, &alive.collect::<Vec<_>>()).err()
        };
        configurations.into_iter().filter_map(collect).collect()
    }

    fn take(&mut self, id: &str) -> Option<Record> {
        let at = self.records.iter().position(|record| record.id() == id)?;
        Some(self.records.remove(at))
    }

    fn new_record(&self, network: &Network, pod: &Attachment) -> Record {
        Record {
            attachment: pod.clone(),
            network: network.clone(),
            sequence: self.records.iter().map(|record| record.sequence + 1).max().unwrap_or(0),
            complete: false,
            attached: Attached::default(),
            interface: None,
            cni: None,
            pasta: None,
        }
    }

    /// Makes an attachment, and its record complete.
    fn make(
        &mut self,
        record: &mut Record,
        network: &Network,
        netns: BorrowedFd<'_>,
    ) -> Result<(), NetworkError> {
        match network {
            Network::Loopback => bring_up_loopback(netns)?,
            Network::Bridge(wanted) => self.make_bridged(record, wanted, netns)?,
            Network::Cni(cni) => self.make_by_plugins(record, cni, netns)?,
            Network::Pasta(pasta) => self.make_by_pasta(record, pasta, netns)?,
        }
        hosts::add(record, &self.records)?;
        done(Step::Hosts)?;
        record.complete = true;
        self.store.put(record)?;
        done(Step::Complete)
    }

    /// Takes back all that there may be of an attachment, and last its record, which stays when something failed.
    fn take_back(
        &mut self,
        mut record: Record,
        netns: Option<BorrowedFd<'_>>,
    ) -> Result<(), NetworkError> {
        let mut errors = Vec::new();
        if record.complete {
            // From here on it is no longer what a second attachment could take for the whole.
            record.complete = false;
            errors.extend(self.store.put(&record).err());
        }
        errors.extend(done(Step::Marked).err());
        let namespace = &record.attachment.namespace;
        let neighbours =
            self.records.iter().filter(|other| other.attachment.namespace == *namespace);
        hosts::renew(&neighbours.collect::<Vec<_>>());
        errors.extend(done(Step::NamesGone).err());
        if record.is_bridged() {
            errors.extend(self.take_back_bridged(&record));
        }
        if let Some(cni) = &record.cni {
            errors.extend(cni::delete(cni, &record.attachment, netns).err());
        }
        if let Some(pasta) = &record.pasta {
            errors.extend(pasta::delete(pasta).err());
        }
        if errors.is_empty() {
            return self.store.remove(record.id());
        }
        self.records.push(record);
        NetworkError::gather(errors)
    }

    fn make_bridged(
        &mut self,
        record: &mut Record,
        wanted: &Bridge,
        netns: BorrowedFd<'_>,
    ) -> Result<(), NetworkError> {
        let mut ranges = self.ranges_for(wanted)?;
        let addresses = self.lease(&mut ranges)?;
        self.store.put_ranges(&ranges)?;
        done(Step::Ranges)?;
        record.attached.addresses = addresses.iter().map(IpNet::addr).collect();
        if let Some(resolver) = resolver() {
            // The firewall leads to it from the bridge's address.
            let family = |gateway: &IpAddr| gateway.is_ipv4() == resolver.is_ipv4();
            let gateways = ranges.gateways();
            record.attached.nameservers = gateways.iter().map(IpNet::addr).filter(family).collect();
        }
        record.interface = Some(bridge::interface_name(&addresses));
        self.store.put(record)?;
        done(Step::Record)?;

        let ready = bridge::ensure(&mut self.netlink, self.bridge, &ranges)?;
        if ready.made {
            self.plug_all(ready)?;
        }
        bridge::connect(&mut self.netlink, ready, &ranges, &addresses, netns)?;
        self.firewall().sync(&self.rules(&ranges, Some(record)))?;
        done(Step::Firewall)
    }

    /// The next addresses that no pod has, nor one that has not quite ended.
    fn lease(&mut self, ranges: &mut Ranges) -> Result<Vec<IpNet>, NetworkError> {
        let taken = self.records.iter().flat_map(|record| record.addresses().iter().copied());
        let mut taken: Vec<IpAddr> = taken.collect();
        loop {
            let addresses = ranges.lease(taken.iter().copied())?;
            if self.netlink.link(&bridge::interface_name(&addresses))?.is_none() {
                return Ok(addresses);
            }
            taken.extend(addresses.iter().map(IpNet::addr));
        }
    }

    /// The lock is held meanwhile, so one pod after the other.
    fn make_by_plugins(
        &mut self,
        record: &mut Record,
        cni: &Cni,
        netns: BorrowedFd<'_>,
    ) -> Result<(), NetworkError> {
        let prepared = record.cni.insert(cni::prepare(cni)?).clone();
        self.store.put(record)?;
        done(Step::Record)?;
        // When it fails it has had the plugins undo their part, and has told what they could not.
        record.cni = None;
        let made = cni::complete(prepared, &record.attachment, netns)?;
        record.attached = Attached {
            addresses: made.addresses().to_vec(),
            nameservers: made.nameservers().to_vec(),
            searches: made.searches().to_vec(),
        };
        record.cni = Some(made);
        done(Step::Plugins)
    }

    fn make_by_pasta(
        &mut self,
        record: &mut Record,
        pasta: &Pasta,
        netns: BorrowedFd<'_>,
    ) -> Result<(), NetworkError> {
        let dir = self.store.dir();
        record.pasta = Some(pasta::prepare(pasta, dir, &record.attachment));
        self.store.put(record)?;
        done(Step::Record)?;
        let userns = pasta::owner(netns)?;
        let userns = userns.as_ref().map(AsFd::as_fd);
        let made = pasta::attach(pasta, dir, &record.attachment, netns, userns)?;
        record.attached.addresses = made.addresses().to_vec();
        record.attached.nameservers = made.nameservers().to_vec();
        record.pasta = Some(made);
        done(Step::Pasta)
    }

    /// The errors of taking back what a pod has of the bridge, and with the last pod the bridge.
    fn take_back_bridged(&mut self, record: &Record) -> Vec<NetworkError> {
        let mut errors = Vec::new();
        if let Some(interface) = record.interface.as_ref().filter(|_| !self.links_end) {
            errors.extend(bridge::remove_link(&mut self.netlink, interface).err());
        }
        errors.extend(done(Step::VethGone).err());
        if !self.links_end && !self.records.iter().any(Record::is_bridged) {
            errors.extend(self.remove_shared());
            return errors;
        }
        let ranges = self.ranges();
        errors.extend(
            ranges.and_then(|ranges| self.firewall().sync(&self.rules(&ranges, None))).err(),
        );
        errors.extend(done(Step::FirewallGone).err());
        errors
    }

    /// The errors of removing what all pods of the bridge share.
    fn remove_shared(&mut self) -> Vec<NetworkError> {
        [
            self.firewall().delete().and_then(|()| done(Step::FirewallGone)),
            bridge::remove(&mut self.netlink, self.bridge).and_then(|()| done(Step::BridgeGone)),
            self.store.remove_ranges().and_then(|()| done(Step::RangesGone)),
        ]
        .into_iter()
        .filter_map(Result::err)
        .collect()
    }

    /// As `remove_shared`, and without asking for privileges where there is nothing.
    fn remove_remains(&mut self) -> Result<Vec<NetworkError>, NetworkError> {
        let remains =
            bridge::is_there(&mut self.netlink, self.bridge)? || self.store.ranges()?.is_some();
        Ok(if remains { self.remove_shared() } else { Vec::new() })
    }

    /// The ranges that the bridge has, or for its first pod new ones.
    fn ranges_for(&mut self, wanted: &Bridge) -> Result<Ranges, NetworkError> {
        if self.records.iter().any(Record::is_bridged) {
            let ranges = self.ranges()?;
            return ranges.still_meets(wanted).map(|()| ranges);
        }
        // Those of the last pod, when its bridge has not been tidied away.
        if let Some(ranges) = self.store.ranges()?
            && ranges.still_meets(wanted).is_ok()
            && bridge::is_there(&mut self.netlink, self.bridge)?
        {
            return Ok(ranges);
        }
        // What a first pod that was killed has left, so that its addresses do not count as taken.
        bridge::remove(&mut self.netlink, self.bridge)?;
        range::choose(wanted, self.bridge, &host::occupied(&mut self.netlink)?)
    }

    /// The ranges that the bridge has.
    fn ranges(&self) -> Result<Ranges, NetworkError> {
        self.store.ranges()?.ok_or_else(|| {
            let action = format!("find the ranges of the bridge {}", self.bridge);
            NetworkError::Step { action, source: io::ErrorKind::NotFound.into() }
        })
    }

    fn firewall(&self) -> Firewall {
        Firewall::new(self.bridge)
    }

    /// The rules for the pods that are there and for the one that is being attached.
    fn rules(&self, ranges: &Ranges, newcomer: Option<&Record>) -> Rules {
        let there = self.records.iter().filter(|record| record.complete && record.is_bridged());
        let published = there.chain(newcomer).flat_map(|record| {
            let to = record.addresses();
            record
                .attachment
                .ports
                .iter()
                .map(|mapping| Published { mapping: *mapping, to: to.to_vec() })
        });
        Rules {
            bridge: self.bridge.to_owned(),
            ranges: ranges.nets(),
            gateways: ranges.gateways().iter().map(IpNet::addr).collect(),
            published: published.collect(),
            resolver: resolver(),
        }
    }

    /// Makes the links of all pods ports of a bridge that someone had deleted. Returns the pods whose link is gone, and
    /// the links that were no ports.
    fn plug_all(&mut self, ready: Ready) -> Result<(Vec<String>, Vec<String>), NetworkError> {
        let (mut lost, mut plugged) = (Vec::new(), Vec::new());
        for record in self.records.iter().filter(|record| record.complete) {
            let Some(interface) = &record.interface else { continue };
            match bridge::plug(&mut self.netlink, ready, interface)? {
                None => lost.push(record.id().to_owned()),
                Some(true) => plugged.push(interface.clone()),
                Some(false) => {}
            }
        }
        Ok((lost, plugged))
    }

    fn mend_bridge(&mut self, repair: &mut Repair) -> Result<(), NetworkError> {
        let named: Vec<_> =
            self.records.iter().filter_map(|record| record.interface.as_ref()).collect();
        for port in bridge::ports(&mut self.netlink, self.bridge)? {
            if !named.contains(&&port) {
                bridge::remove_link(&mut self.netlink, &port)?;
                repair.removed.push(port);
            }
        }
        if !self.records.iter().any(Record::is_bridged) {
            return NetworkError::gather(self.remove_remains()?);
        }
        let ranges = self.ranges()?;
        let ready = bridge::ensure(&mut self.netlink, self.bridge, &ranges)?;
        if ready.mended {
            repair.mended.push(format!("the bridge {}", self.bridge));
        }
        let (lost, plugged) = self.plug_all(ready)?;
        repair.lost = lost;
        repair.mended.extend(plugged.into_iter().map(|name| format!("the link {name}")));
        if self.firewall().sync(&self.rules(&ranges, None))? {
            repair.mended.push(format!("the rules of the table {}", self.bridge));
        }
        Ok(())
    }
}

/// The host's resolver, when it listens on loopback only and what is behind it is not known.
fn resolver() -> Option<SocketAddr> {
    let on_loopback = Resolver::of_host().on_loopback().filter(IpAddr::is_ipv4)?;
    let unknown = Resolver::beyond_loopback().nameservers.is_empty();
    unknown.then(|| SocketAddr::new(on_loopback, DOMAIN))
}

#[cfg(test)]
mod tests;
