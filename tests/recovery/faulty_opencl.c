/* An OpenCL driver that fails as CIRCBENCH_FAULT says, before the real one: circbench is linked
 * with these in place of some of the loader's functions. What must come of it is test-faults.py's
 * to say. */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define REAL(function) __typeof__(function) __real_##function
REAL(clGetDeviceInfo);
REAL(clCreateBuffer);
REAL(clBuildProgram);
REAL(clGetProgramBuildInfo);
REAL(clEnqueueNDRangeKernel);
REAL(clGetEventInfo);
REAL(clGetEventProfilingInfo);

#define WRAP(function) __typeof__(function) __wrap_##function
WRAP(clGetDeviceInfo);
WRAP(clCreateBuffer);
WRAP(clBuildProgram);
WRAP(clGetProgramBuildInfo);
WRAP(clEnqueueNDRangeKernel);
WRAP(clGetEventInfo);
WRAP(clGetEventProfilingInfo);

#define PCI_BUS_INFO 0x410F /* CL_DEVICE_PCI_BUS_INFO_KHR */

static bool faulty(const char *fault)
{
    const char *chosen = getenv("CIRCBENCH_FAULT");
    return chosen && !strcmp(chosen, fault);
}

cl_int __wrap_clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t size, void *value,
                              size_t *needed)
{
    if (what == PCI_BUS_INFO && faulty("gpu") && size == 4 * sizeof(cl_uint)) {
        memcpy(value, (cl_uint[]){0, 0xc3, 0, 0}, size); /* domain, bus, device, function */
        return CL_SUCCESS;
    }
    cl_int code = __real_clGetDeviceInfo(device, what, size, value, needed);
    if (code || !value)
        return code;
    if (what == CL_DEVICE_COMPILER_AVAILABLE && faulty("compiler"))
        *(cl_bool *)value = CL_FALSE;
    if (what == CL_DEVICE_TYPE && faulty("gpu"))
        *(cl_device_type *)value = CL_DEVICE_TYPE_GPU;
    if (what == CL_DEVICE_HOST_UNIFIED_MEMORY && faulty("gpu"))
        *(cl_bool *)value = CL_FALSE;
    return code;
}

cl_mem __wrap_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size, void *host,
                             cl_int *code)
{
    if (!faulty("memory"))
        return __real_clCreateBuffer(context, flags, size, host, code);
    *code = CL_MEM_OBJECT_ALLOCATION_FAILURE;
    return NULL;
}

cl_int __wrap_clBuildProgram(cl_program program, cl_uint count, const cl_device_id *devices,
                             const char *options, void(CL_CALLBACK *notify)(cl_program, void *),
                             void *data)
{
    return faulty("board") ? CL_OUT_OF_RESOURCES
           : faulty("build")
               ? CL_BUILD_PROGRAM_FAILURE
               : __real_clBuildProgram(program, count, devices, options, notify, data);
}

cl_int __wrap_clGetProgramBuildInfo(cl_program program, cl_device_id device,
                                    cl_program_build_info what, size_t size, void *value,
                                    size_t *needed)
{
    static const char log[] = "warning: nobody minds\n  lanes.cl:3: error: a broken word\nlater\n";
    if (!faulty("build") || what != CL_PROGRAM_BUILD_LOG)
        return __real_clGetProgramBuildInfo(program, device, what, size, value, needed);
    if (needed)
        *needed = sizeof log;
    if (value && size < sizeof log)
        return CL_INVALID_VALUE;
    if (value)
        memcpy(value, log, sizeof log);
    return CL_SUCCESS;
}

cl_int __wrap_clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dims,
                                     const size_t *offset, const size_t *global,
                                     const size_t *local, cl_uint waits, const cl_event *wait,
                                     cl_event *event)
{
    return faulty("resources") ? CL_OUT_OF_RESOURCES
           : faulty("lost")    ? CL_DEVICE_NOT_AVAILABLE
                               : __real_clEnqueueNDRangeKernel(queue, kernel, dims, offset, global,
                                                               local, waits, wait, event);
}

cl_int __wrap_clGetEventInfo(cl_event event, cl_event_info what, size_t size, void *value,
                             size_t *needed)
{
    cl_int code = __real_clGetEventInfo(event, what, size, value, needed);
    if (!code && value && what == CL_EVENT_COMMAND_EXECUTION_STATUS && faulty("kernel"))
        *(cl_int *)value = CL_OUT_OF_RESOURCES;
    return code;
}

cl_int __wrap_clGetEventProfilingInfo(cl_event event, cl_profiling_info what, size_t size,
                                      void *value, size_t *needed)
{
    cl_int code = __real_clGetEventProfilingInfo(event, what, size, value, needed);
    if (code || !value)
        return code;
    if (what == CL_PROFILING_COMMAND_END && faulty("backwards"))
        *(cl_ulong *)value = 1;
    if (what == CL_PROFILING_COMMAND_START && faulty("slow")) /* started long ago */
        *(cl_ulong *)value = 1;
    return code;
}
