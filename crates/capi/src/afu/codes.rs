//! SISLite status codes, request flags, capabilities and sync error bits,
//! with the names of `sislite.h` less their `SISL_` prefix.

/// Declares named constants of one kind and the table that lists them.
macro_rules! codes {
    ($(#[$doc:meta])* $table:ident: $ty:ty { $($(#[$line:meta])* $name:ident $value:expr;)* }) => {
        $($(#[$line])* pub const $name: $ty = $value;)*
        $(#[$doc])*
        pub const $table: &[(&str, $ty)] = &[$((stringify!($name), $name)),*];
    };
}

codes! {
    /// `sisl_rc.flags`.
    RC_FLAGS: u8 {
        /// Sense data are valid.
        RC_FLAGS_SENSE_VALID 0x80;
        /// `fc_extra` is an FCP response code.
        RC_FLAGS_FCP_RSP_CODE_VALID 0x40;
        /// The device had more than the buffer takes.
        RC_FLAGS_OVERRUN 0x20;
        /// The device had less than the buffer takes.
        RC_FLAGS_UNDERRUN 0x10;
    }
}

codes! {
    /// `sisl_rc.afu_rc`. The last five have no name in `sislite.h`; they are
    /// known from the AFU's clients.
    AFU_RCS: u8 {
        /// RHT entry malformed or not valid.
        AFU_RC_RHT_INVALID 0x01;
        /// `rht_start` is not 16-byte aligned.
        AFU_RC_RHT_UNALIGNED 0x02;
        /// Handle beyond the table.
        AFU_RC_RHT_OUT_OF_BOUNDS 0x03;
        /// RHT entry cannot be read.
        AFU_RC_RHT_DMA_ERR 0x04;
        /// RHT entry does not permit the direction.
        AFU_RC_RHT_RW_PERM 0x05;
        /// `lxt_start` is not 8-byte aligned.
        AFU_RC_LXT_UNALIGNED 0x12;
        /// Virtual LBA beyond the table, or more than one 4 KiB unit.
        AFU_RC_LXT_OUT_OF_BOUNDS 0x13;
        /// LXT entry cannot be read.
        AFU_RC_LXT_DMA_ERR 0x14;
        /// LXT entry does not permit the direction.
        AFU_RC_LXT_RW_PERM 0x15;
        /// The context that holds the tables may not translate for others.
        AFU_RC_NOT_XLATE_HOST 0x1A;
        /// No selected port is up.
        AFU_RC_NO_CHANNELS 0x20;
        /// The context lacks a capability.
        AFU_RC_CAP_VIOLATION 0x21;
        /// No data buffer is free.
        AFU_RC_OUT_OF_DATA_BUFS 0x30;
        /// Data cannot be moved to or from the host.
        AFU_RC_DATA_DMA_ERR 0x31;
        /// An AFU sync command is open already.
        AFU_RC_SYNC_IN_PROGRESS 0x22;
        /// A LUN provisioning or debug command cannot be done; `afu_extra`
        /// says why. Unspecified: the code, which is ours.
        AFU_RC_REFUSED 0x23;
        /// Timeout before the command reached a port.
        AFU_RC_TIMED_OUT_PRE_FC 0x50;
        /// Timeout after the command reached a port.
        AFU_RC_TIMED_OUT 0x51;
        /// Data direction differs from the CDB (FlashGT).
        AFU_RC_DIRECTION 0x62;
    }
}

codes! {
    /// `sisl_rc.fc_rc`.
    FC_RCS: u8 {
        /// Exchange timeout or abort request.
        FC_RC_ABORTPEND 0x52;
        /// XFER_RDY invalid.
        FC_RC_WRABORTPEND 0x53;
        /// Port not logged in.
        FC_RC_NOLOGI 0x54;
        /// FC protocol error.
        FC_RC_NOEXP 0x55;
        /// Tag in use.
        FC_RC_INUSE 0x56;
        /// Link went down.
        FC_RC_LINKDOWN 0x57;
        /// Abort completed.
        FC_RC_ABORTOK 0x58;
        /// Abort failed.
        FC_RC_ABORTFAIL 0x59;
        /// Underrun or overrun flags are set.
        FC_RC_RESID 0x5A;
        /// Length differs from what the device said.
        FC_RC_RESIDERR 0x5B;
        /// Aborted by the target.
        FC_RC_TGTABORT 0x5C;
        /// The port has been shut down.
        FC_RC_SHUTDOWN 0x5E;
    }
}

codes! {
    /// `afu_extra` of the DMA errors: PSL response codes.
    DMA_ERRS: u8 {
        /// Page-in, and the AFU was told not to retry.
        AFU_DMA_ERR_PAGE_IN 0x0A;
        /// Invalid effective address.
        AFU_DMA_ERR_INVALID_EA 0x0B;
    }
}

codes! {
    /// SCSI status bytes (SAM-5 5.3.1).
    SCSI_RCS: u8 {
        /// CHECK CONDITION.
        SCSI_RC_CHECK 0x02;
        /// BUSY.
        SCSI_RC_BUSY 0x08;
    }
}

codes! {
    /// `sisl_ioarcb.req_flags`.
    REQ_FLAGS: u16 {
        /// `res_hndl` names a resource; else port mask and LUN.
        REQ_FLAGS_RES_HNDL 0x8000;
        /// An underrun is no error.
        REQ_FLAGS_SUP_UNDERRUN 0x4000;
        /// Unit of `timeout`.
        REQ_FLAGS_TIMEOUT_CYCLES 0x00C0;
        /// Task management function.
        REQ_FLAGS_TMF_CMD 0x0004;
        /// AFU command.
        REQ_FLAGS_AFU_CMD 0x0002;
        /// Data moves from the host.
        REQ_FLAGS_HOST_WRITE 0x0001;
    }
}

codes! {
    /// `ctx_cap`.
    CTX_CAPS: u64 {
        /// May issue commands for other contexts.
        CTX_CAP_PROXY_ISSUE 0x8000_0000_0000_0000;
        /// May name ports and LUNs.
        CTX_CAP_REAL_MODE 0x4000_0000_0000_0000;
        /// Its memory may hold RHT and LXT of other contexts.
        CTX_CAP_HOST_XLATE 0x2000_0000_0000_0000;
        /// Others may issue commands for it.
        CTX_CAP_PROXY_TARGET 0x1000_0000_0000_0000;
        /// AFU commands.
        CTX_CAP_AFU_CMD 0x8;
        /// SCSI commands other than reads and writes.
        CTX_CAP_GSCSI_CMD 0x4;
        /// Writes.
        CTX_CAP_WRITE_CMD 0x2;
        /// Reads.
        CTX_CAP_READ_CMD 0x1;
    }
}

codes! {
    /// `intr_status`: sync errors.
    ISTATUS: u64 {
        /// IOARRIN written without room.
        ISTATUS_PERM_ERR_CMDROOM 0x10;
        /// IOARCB cannot be read.
        ISTATUS_PERM_ERR_RCB_READ 0x08;
        /// IOASA cannot be written.
        ISTATUS_PERM_ERR_SA_WRITE 0x04;
        /// RRQ cannot be written.
        ISTATUS_PERM_ERR_RRQ_WRITE 0x02;
        /// Page-in while auto-retry is off.
        ISTATUS_TEMP_ERR_PAGEIN 0x01;
    }
}

codes! {
    /// `afu_config`: automatic retry per kind of access, and byte order.
    AFUCONF: u64 {
        /// Retry IOARCB fetches.
        AFUCONF_AR_IOARCB 0x4000;
        /// Retry LXT fetches.
        AFUCONF_AR_LXT 0x2000;
        /// Retry RHT fetches.
        AFUCONF_AR_RHT 0x1000;
        /// Retry data.
        AFUCONF_AR_DATA 0x0800;
        /// Retry the reserved kind.
        AFUCONF_AR_RSRC 0x0400;
        /// Retry IOASA stores.
        AFUCONF_AR_IOASA 0x0200;
        /// Retry RRQ stores.
        AFUCONF_AR_RRQ 0x0100;
        /// RHT and LXT are little-endian.
        AFUCONF_ENDIAN_LE 0x0020;
        /// Reading `mbox_r` clears it.
        AFUCONF_MBOX_CLR_READ 0x0010;
    }
}

codes! {
    /// A port's byte of `aintr_status`.
    ASTATUS: u8 {
        /// Link came up.
        ASTATUS_LINK_UP 0x01;
        /// Link went down.
        ASTATUS_LINK_DN 0x02;
        /// Login succeeded.
        ASTATUS_LOGI_S 0x04;
        /// Login failed.
        ASTATUS_LOGI_F 0x08;
        /// Login timed out, retrying.
        ASTATUS_LOGI_R 0x10;
        /// CRC threshold exceeded.
        ASTATUS_CRC_T 0x20;
        /// Target logged out.
        ASTATUS_LOGO 0x40;
        /// Other error.
        ASTATUS_OTHER 0x80;
    }
}

/// AFU sync command.
pub const AFU_CMD_SYNC: u8 = 0xC0;
/// LUN provisioning command.
pub const AFU_CMD_LUN_PROVISION: u8 = 0xD0;
/// LUN provisioning: make a unit.
pub const LUN_PROVISION_CREATE: u8 = 0;
/// LUN provisioning: delete a unit.
pub const LUN_PROVISION_DELETE: u8 = 1;
/// Debug command.
pub const AFU_CMD_DEBUG: u8 = 0xE0;
/// Light-weight sync.
pub const AFU_LW_SYNC: u8 = 0;
/// Heavy-weight sync.
pub const AFU_HW_SYNC: u8 = 1;
/// Global sync.
pub const AFU_GSYNC: u8 = 2;
/// `afu_ctrl`: internal units instead of those behind the ports.
pub const AFU_CTRL_LOCAL_LUN: u64 = 1;
/// LUN reset.
pub const TMF_LUN_RESET: u8 = 1;
/// Clear ACA.
pub const TMF_CLEAR_ACA: u8 = 2;
/// `endian_ctrl` of a big-endian context.
pub const ENDIAN_CTRL_BE: u64 = 0x8000_0000_0000_0080;

/// The name of an `afu_rc`, for people.
pub fn afu_rc_name(rc: u8) -> &'static str {
    AFU_RCS.iter().find(|(_, v)| *v == rc).map_or("AFU_RC_unknown", |(n, _)| n)
}
