//! The table of calls.

use super::{Cl, console, eeh, irq, pci, system};

/// Why a call is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The stock kernel does not work without it.
    Needed,
    /// The kernel copes without it; cheap to have.
    Wanted,
    /// Absent: CHECK_TOKEN says no, the call returns OPAL_UNSUPPORTED.
    Unsupported,
}

pub(super) type Handler = fn(&mut Cl<'_, '_>) -> i64;

/// One row: a call of the OPAL API.
pub struct Call {
    /// Token in r0.
    pub token: u64,
    /// Name in the API.
    pub name: &'static str,
    /// Why it is there.
    pub need: Need,
    /// True for calls too frequent to trace.
    pub chatty: bool,
    handler: Option<Handler>,
}

/// Highest token of the API.
pub(super) const LAST: u64 = 178;

const fn have(token: u64, name: &'static str, handler: Handler) -> Call {
    Call { token, name, need: Need::Needed, chatty: false, handler: Some(handler) }
}
const fn often(token: u64, name: &'static str, handler: Handler) -> Call {
    Call { token, name, need: Need::Needed, chatty: true, handler: Some(handler) }
}
const fn want(token: u64, name: &'static str, handler: Handler) -> Call {
    Call { token, name, need: Need::Wanted, chatty: false, handler: Some(handler) }
}
const fn none(token: u64, name: &'static str) -> Call {
    Call { token, name, need: Need::Unsupported, chatty: false, handler: None }
}

/// All calls, by token.
#[rustfmt::skip]
pub static CALLS: &[Call] = &[
    none(0, "OPAL_TEST"),
    often(1, "OPAL_CONSOLE_WRITE", console::write),
    often(2, "OPAL_CONSOLE_READ", console::read),
    want(3, "OPAL_RTC_READ", system::rtc_read),
    want(4, "OPAL_RTC_WRITE", system::rtc_write),
    have(5, "OPAL_CEC_POWER_DOWN", system::power_down),
    have(6, "OPAL_CEC_REBOOT", system::reboot),
    none(7, "OPAL_READ_NVRAM"),
    none(8, "OPAL_WRITE_NVRAM"),
    often(9, "OPAL_HANDLE_INTERRUPT", irq::handle_interrupt),
    often(10, "OPAL_POLL_EVENTS", irq::poll_events),
    none(11, "OPAL_PCI_SET_HUB_TCE_MEMORY"),
    none(12, "OPAL_PCI_SET_PHB_TCE_MEMORY"),
    often(13, "OPAL_PCI_CONFIG_READ_BYTE", pci::config_read::<1>),
    often(14, "OPAL_PCI_CONFIG_READ_HALF_WORD", pci::config_read::<2>),
    often(15, "OPAL_PCI_CONFIG_READ_WORD", pci::config_read::<4>),
    often(16, "OPAL_PCI_CONFIG_WRITE_BYTE", pci::config_write::<1>),
    often(17, "OPAL_PCI_CONFIG_WRITE_HALF_WORD", pci::config_write::<2>),
    often(18, "OPAL_PCI_CONFIG_WRITE_WORD", pci::config_write::<4>),
    have(19, "OPAL_SET_XIVE", irq::set_xive),
    often(20, "OPAL_GET_XIVE", irq::get_xive),
    none(21, "OPAL_GET_COMPLETION_TOKEN_STATUS"),
    none(22, "OPAL_REGISTER_OPAL_EXCEPTION_HANDLER"),
    often(23, "OPAL_PCI_EEH_FREEZE_STATUS", eeh::freeze_status),
    none(24, "OPAL_PCI_SHPC"),
    often(25, "OPAL_CONSOLE_WRITE_BUFFER_SPACE", console::write_buffer_space),
    have(26, "OPAL_PCI_EEH_FREEZE_CLEAR", eeh::freeze_clear),
    have(27, "OPAL_PCI_PHB_MMIO_ENABLE", pci::phb_mmio_enable),
    have(28, "OPAL_PCI_SET_PHB_MEM_WINDOW", pci::set_phb_mem_window),
    have(29, "OPAL_PCI_MAP_PE_MMIO_WINDOW", pci::map_pe_mmio_window),
    none(30, "OPAL_PCI_SET_PHB_TABLE_MEMORY"),
    have(31, "OPAL_PCI_SET_PE", pci::set_pe),
    have(32, "OPAL_PCI_SET_PELTV", pci::set_peltv),
    none(33, "OPAL_PCI_SET_MVE"),
    none(34, "OPAL_PCI_SET_MVE_ENABLE"),
    none(35, "OPAL_PCI_GET_XIVE_REISSUE"),
    none(36, "OPAL_PCI_SET_XIVE_REISSUE"),
    have(37, "OPAL_PCI_SET_XIVE_PE", pci::set_xive_pe),
    none(38, "OPAL_GET_XIVE_SOURCE"),
    have(39, "OPAL_GET_MSI_32", pci::get_msi_32),
    have(40, "OPAL_GET_MSI_64", pci::get_msi_64),
    have(41, "OPAL_START_CPU", system::start_cpu),
    have(42, "OPAL_QUERY_CPU_STATUS", system::query_cpu_status),
    none(43, "OPAL_WRITE_OPPANEL"),
    have(44, "OPAL_PCI_MAP_PE_DMA_WINDOW", pci::map_pe_dma_window),
    have(45, "OPAL_PCI_MAP_PE_DMA_WINDOW_REAL", pci::map_pe_dma_window_real),
    have(49, "OPAL_PCI_RESET", eeh::reset),
    none(50, "OPAL_PCI_GET_HUB_DIAG_DATA"),
    none(51, "OPAL_PCI_GET_PHB_DIAG_DATA"),
    none(52, "OPAL_PCI_FENCE_PHB"),
    have(53, "OPAL_PCI_REINIT", eeh::reinit),
    none(54, "OPAL_PCI_MASK_PE_ERROR"),
    none(55, "OPAL_SET_SLOT_LED_STATUS"),
    none(56, "OPAL_GET_EPOW_STATUS"),
    none(57, "OPAL_SET_SYSTEM_ATTENTION_LED"),
    have(60, "OPAL_PCI_NEXT_ERROR", eeh::next_error),
    none(61, "OPAL_PCI_EEH_FREEZE_STATUS2"),
    have(62, "OPAL_PCI_POLL", eeh::poll),
    none(63, "OPAL_PCI_MSI_EOI"),
    have(64, "OPAL_PCI_GET_PHB_DIAG_DATA2", eeh::get_phb_diag_data2),
    none(65, "OPAL_XSCOM_READ"),
    none(66, "OPAL_XSCOM_WRITE"),
    none(67, "OPAL_LPC_READ"),
    none(68, "OPAL_LPC_WRITE"),
    want(69, "OPAL_RETURN_CPU", system::return_cpu),
    have(70, "OPAL_REINIT_CPUS", system::reinit_cpus),
    none(71, "OPAL_ELOG_READ"),
    none(72, "OPAL_ELOG_WRITE"),
    none(73, "OPAL_ELOG_ACK"),
    none(74, "OPAL_ELOG_RESEND"),
    none(75, "OPAL_ELOG_SIZE"),
    none(76, "OPAL_FLASH_VALIDATE"),
    none(77, "OPAL_FLASH_MANAGE"),
    none(78, "OPAL_FLASH_UPDATE"),
    want(79, "OPAL_RESYNC_TIMEBASE", system::nothing_to_do),
    often(80, "OPAL_CHECK_TOKEN", system::check_token),
    none(81, "OPAL_DUMP_INIT"),
    none(82, "OPAL_DUMP_INFO"),
    none(83, "OPAL_DUMP_READ"),
    none(84, "OPAL_DUMP_ACK"),
    want(85, "OPAL_GET_MSG", irq::get_msg),
    none(86, "OPAL_CHECK_ASYNC_COMPLETION"),
    have(87, "OPAL_SYNC_HOST_REBOOT", system::nothing_to_do),
    none(88, "OPAL_SENSOR_READ"),
    none(89, "OPAL_GET_PARAM"),
    none(90, "OPAL_SET_PARAM"),
    none(91, "OPAL_DUMP_RESEND"),
    none(92, "OPAL_ELOG_SEND"),
    have(93, "OPAL_PCI_SET_PHB_CAPI_MODE", pci::set_phb_capi_mode),
    none(94, "OPAL_DUMP_INFO2"),
    none(95, "OPAL_WRITE_OPPANEL_ASYNC"),
    have(96, "OPAL_PCI_ERR_INJECT", eeh::err_inject),
    have(97, "OPAL_PCI_EEH_FREEZE_SET", eeh::freeze_set),
    want(98, "OPAL_HANDLE_HMI", system::nothing_to_do),
    none(99, "OPAL_CONFIG_CPU_IDLE_STATE"),
    none(100, "OPAL_SLW_SET_REG"),
    want(101, "OPAL_REGISTER_DUMP_REGION", system::register_dump_region),
    want(102, "OPAL_UNREGISTER_DUMP_REGION", system::unregister_dump_region),
    none(103, "OPAL_WRITE_TPO"),
    none(104, "OPAL_READ_TPO"),
    none(105, "OPAL_GET_DPO_STATUS"),
    none(106, "OPAL_OLD_I2C_REQUEST"),
    none(107, "OPAL_IPMI_SEND"),
    none(108, "OPAL_IPMI_RECV"),
    none(109, "OPAL_I2C_REQUEST"),
    none(110, "OPAL_FLASH_READ"),
    none(111, "OPAL_FLASH_WRITE"),
    none(112, "OPAL_FLASH_ERASE"),
    none(113, "OPAL_PRD_MSG"),
    none(114, "OPAL_LEDS_GET_INDICATOR"),
    none(115, "OPAL_LEDS_SET_INDICATOR"),
    have(116, "OPAL_CEC_REBOOT2", system::reboot2),
    often(117, "OPAL_CONSOLE_FLUSH", console::flush),
    none(118, "OPAL_GET_DEVICE_TREE"),
    none(119, "OPAL_PCI_GET_PRESENCE_STATE"),
    none(120, "OPAL_PCI_GET_POWER_STATE"),
    none(121, "OPAL_PCI_SET_POWER_STATE"),
    often(122, "OPAL_INT_GET_XIRR", irq::int_get_xirr),
    often(123, "OPAL_INT_SET_CPPR", irq::int_set_cppr),
    often(124, "OPAL_INT_EOI", irq::int_eoi),
    often(125, "OPAL_INT_SET_MFRR", irq::int_set_mfrr),
    often(126, "OPAL_PCI_TCE_KILL", pci::tce_kill),
    have(127, "OPAL_NMMU_SET_PTCR", system::nmmu_set_ptcr),
    none(128, "OPAL_XIVE_RESET"),
    none(129, "OPAL_XIVE_GET_IRQ_INFO"),
    none(130, "OPAL_XIVE_GET_IRQ_CONFIG"),
    none(131, "OPAL_XIVE_SET_IRQ_CONFIG"),
    none(132, "OPAL_XIVE_GET_QUEUE_INFO"),
    none(133, "OPAL_XIVE_SET_QUEUE_INFO"),
    none(134, "OPAL_XIVE_DONATE_PAGE"),
    none(135, "OPAL_XIVE_ALLOCATE_VP_BLOCK"),
    none(136, "OPAL_XIVE_FREE_VP_BLOCK"),
    none(137, "OPAL_XIVE_GET_VP_INFO"),
    none(138, "OPAL_XIVE_SET_VP_INFO"),
    none(139, "OPAL_XIVE_ALLOCATE_IRQ"),
    none(140, "OPAL_XIVE_FREE_IRQ"),
    none(141, "OPAL_XIVE_SYNC"),
    none(142, "OPAL_XIVE_DUMP"),
    none(143, "OPAL_XIVE_GET_QUEUE_STATE"),
    none(144, "OPAL_XIVE_SET_QUEUE_STATE"),
    // Absent, so that the kernel falls back to doorbells for NMI IPIs.
    none(145, "OPAL_SIGNAL_SYSTEM_RESET"),
    none(146, "OPAL_NPU_INIT_CONTEXT"),
    none(147, "OPAL_NPU_DESTROY_CONTEXT"),
    none(148, "OPAL_NPU_MAP_LPAR"),
    none(149, "OPAL_IMC_COUNTERS_INIT"),
    none(150, "OPAL_IMC_COUNTERS_START"),
    none(151, "OPAL_IMC_COUNTERS_STOP"),
    none(152, "OPAL_GET_POWERCAP"),
    none(153, "OPAL_SET_POWERCAP"),
    none(154, "OPAL_GET_POWER_SHIFT_RATIO"),
    none(155, "OPAL_SET_POWER_SHIFT_RATIO"),
    none(156, "OPAL_SENSOR_GROUP_CLEAR"),
    none(157, "OPAL_PCI_SET_P2P"),
    none(158, "OPAL_QUIESCE"),
    none(159, "OPAL_NPU_SPA_SETUP"),
    none(160, "OPAL_NPU_SPA_CLEAR_CACHE"),
    none(161, "OPAL_NPU_TL_SET"),
    none(162, "OPAL_SENSOR_READ_U64"),
    none(163, "OPAL_SENSOR_GROUP_ENABLE"),
    have(164, "OPAL_PCI_GET_PBCQ_TUNNEL_BAR", pci::get_tunnel_bar),
    have(165, "OPAL_PCI_SET_PBCQ_TUNNEL_BAR", pci::set_tunnel_bar),
    want(166, "OPAL_HANDLE_HMI2", system::handle_hmi2),
    none(167, "OPAL_NX_COPROC_INIT"),
    none(170, "OPAL_XIVE_GET_VP_STATE"),
    none(173, "OPAL_MPIPL_UPDATE"),
    none(174, "OPAL_MPIPL_REGISTER_TAG"),
    none(175, "OPAL_MPIPL_QUERY_TAG"),
    none(176, "OPAL_SECVAR_GET"),
    none(177, "OPAL_SECVAR_GET_NEXT"),
    none(178, "OPAL_SECVAR_ENQUEUE_UPDATE"),
];

fn row(token: u64) -> Option<&'static Call> {
    CALLS.binary_search_by_key(&token, |call| call.token).ok().map(|n| &CALLS[n])
}
/// The row and handler of a call that exists.
pub(super) fn find(token: u64) -> Option<(&'static Call, Handler)> {
    row(token).and_then(|call| call.handler.map(|handler| (call, handler)))
}
/// Name of a token of the API.
pub(super) fn name(token: u64) -> &'static str {
    row(token).map_or("(unassigned)", |call| call.name)
}
