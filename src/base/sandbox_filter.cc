#include "base/sandbox_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace joey {

namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "the sandbox knows the system calls of x86-64 and arm64"
#endif

// Flags of clone() that make namespaces.
constexpr std::uint32_t kCloneNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
                                           CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
                                           CLONE_NEWNET;

constexpr std::uint32_t kForbidden[] = {
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_pidfd_getfd,
    SYS_process_madvise,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_move_mount,
    SYS_open_tree,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_mount_setattr,
    SYS_unshare,
    SYS_setns,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_kexec_load,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_swapon,
    SYS_swapoff,
    SYS_reboot,
    SYS_open_by_handle_at,
    SYS_name_to_handle_at,
    SYS_acct,
    SYS_quotactl,
    SYS_syslog,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_clock_adjtime,
    SYS_adjtimex,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_personality,
    SYS_vhangup,
    SYS_fanotify_init,
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
#ifdef SYS_iopl
    SYS_iopl,
    SYS_ioperm,
    SYS_uselib,
    SYS_modify_ldt,
#endif
};

constexpr std::uint32_t kSignals[] = {SYS_kill,
                                      SYS_tkill,
                                      SYS_tgkill,
                                      SYS_rt_sigqueueinfo,
                                      SYS_rt_tgsigqueueinfo,
                                      SYS_pidfd_send_signal};

class Program {
 public:
  void Load(std::size_t offset) {
    code_.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)));
  }
  void Return(std::uint32_t what) { code_.push_back(BPF_STMT(BPF_RET | BPF_K, what)); }
  void Refuse(int error) { Return(SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error)); }
  // The next `count` instructions run only where the loaded value is `value`.
  void IfEqual(std::uint32_t value, std::uint8_t count) {
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count));
  }
  void UnlessEqual(std::uint32_t value, std::uint8_t count) {
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, count, 0));
  }
  void IfAnyBit(std::uint32_t bits, std::uint8_t count) {
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, count));
  }
  void UnlessAnyBit(std::uint32_t bits, std::uint8_t count) {
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, count, 0));
  }
  void IfAtLeast(std::uint32_t value, std::uint8_t count) {
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, value, 0, count));
  }
  std::vector<sock_filter> Take() { return std::move(code_); }

 private:
  std::vector<sock_filter> code_;
};

}  // namespace

std::vector<sock_filter> SandboxFilter(bool own_processes) {
  Program program;
  program.Load(offsetof(seccomp_data, arch));
  program.UnlessEqual(kArchitecture, 1);
  program.Return(SECCOMP_RET_KILL_PROCESS);
  program.Load(offsetof(seccomp_data, nr));
#if defined(__x86_64__)
  constexpr std::uint32_t kX32Bit = 0x40000000;
  program.IfAtLeast(kX32Bit, 1);
  program.Refuse(ENOSYS);
#endif
  for (std::uint32_t call : kForbidden) {
    program.IfEqual(call, 1);
    program.Refuse(EPERM);
  }
  program.IfEqual(SYS_socket, 1);
  program.Refuse(EACCES);
  // Its flags are in memory, where a filter cannot see them. Libraries then use clone().
  program.IfEqual(SYS_clone3, 1);
  program.Refuse(ENOSYS);
  if (!own_processes) {
    for (std::uint32_t call : kSignals) {
      program.IfEqual(call, 1);
      program.Refuse(EPERM);
    }
#ifdef SYS_fork
    for (std::uint32_t call : {SYS_fork, SYS_vfork}) {
      program.IfEqual(call, 1);
      program.Refuse(EPERM);
    }
#endif
  }
  program.IfEqual(SYS_clone, own_processes ? 3 : 5);
  program.Load(offsetof(seccomp_data, args));  // the low half: both architectures are little-endian
  program.IfAnyBit(kCloneNamespaces, 1);
  program.Refuse(EPERM);
  if (!own_processes) {
    program.UnlessAnyBit(CLONE_THREAD, 1);
    program.Refuse(EPERM);
  }
  program.Return(SECCOMP_RET_ALLOW);
  return program.Take();
}

}  // namespace joey
